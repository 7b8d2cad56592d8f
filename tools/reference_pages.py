"""Writes the pages of the reference from the code: python -m tools.reference_pages.

Nothing of the reference is written by hand, so nothing of it can be out of date.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
NOT_SHOWN = ("__init__", "__main__")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pages = {
        "commands": commands, "settings": settings, "parameters": parameters, "http": http,
        "metrics": metrics, "errors": errors,
    }  # fmt: skip
    for name, page in pages.items():
        write(name, page())
    for package in sorted((ROOT / "packages").iterdir()):
        write(package.name, python(package))


def write(name: str, lines: Iterable[str]) -> None:
    (FOLDER / f"{name}.md").write_text("\n".join(lines) + "\n", "utf-8")


def commands() -> Iterator[str]:
    """Every command with its help, as typer knows it."""
    import typer

    from sentiment_cli.app import app

    yield "# Commands"
    yield ""
    yield "What `sentiment-cli COMMAND --help` says too."
    yield from _command(typer.main.get_command(app), ("sentiment-cli",))


def _command(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is not None:
        for name in sorted(children):
            yield from _command(children[name], (*path, name))
        return
    yield f"\n## {' '.join(path[1:])}\n"
    yield _without_markup(inspect.cleandoc(command.help or ""))
    yield f"\n```text\n{' '.join(path)} {_arguments(command)}\n```\n"
    yield from _table(
        ("Option", "", "Default"),
        (
            (
                _names(parameter),
                _without_markup(parameter.help or ""),
                _default(parameter.default),
            )
            for parameter in command.params
            if parameter.name != "help"
        ),
    )


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter)}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _arguments(command: Any) -> str:
    arguments = (one for one in command.params if one.param_type_name == "argument")
    return " ".join([*map(_argument, arguments), "[OPTIONS]"])


def _default(value: object) -> str:
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{value}`"


def _without_markup(text: str) -> str:
    """Rich's markup as Markdown; examples as code."""
    text = re.sub(r"\[bold\](.*?)\[/\]", r"**\1**", text)
    return re.sub(r"(?m)^(sentiment-cli .*)$", r"    \1", text).replace("<", "&lt;")


def settings() -> Iterator[str]:
    """Every environment variable, as the settings classes know it."""
    from sentiment_cli.backup.settings import DatabaseSettings
    from sentiment_cli.deployment.catalogue import DeploymentSecrets
    from sentiment_cli.settings import StackSettings
    from sentiment_core.store_settings import StoreSettings
    from sentiment_serve.settings import ServeSettings
    from sentiment_train.settings import TrainSettings

    yield "# Settings\n"
    yield "Environment variables; a file `.env` in the working directory may hold them too.\n"
    parts: dict[str, type[BaseSettings]] = {
        "Training and commands": TrainSettings,
        "S3 store": StoreSettings,
        "API": ServeSettings,
        "Local stack": StackSettings,
        "Databases, for backups": DatabaseSettings,
        "Secrets of a production host": DeploymentSecrets,
    }
    for title, cls in parts.items():
        yield f"## {title}\n"
        yield from _table(("Variable", "", "Default"), _variables(cls))


def _variables(cls: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    prefix = cls.model_config.get("env_prefix", "")
    for name, field in cls.model_fields.items():
        alias = field.validation_alias or field.alias or f"{prefix}{name}"
        variable = alias if isinstance(alias, str) else str(getattr(alias, "choices", [name])[0])
        default = "required" if field.is_required() else _default(field.get_default())
        yield f"`{variable.upper()}`", field.description or "", default


def parameters() -> Iterator[str]:
    """Every key of params.yaml."""
    from sentiment_core.params import Params

    yield "# Parameters\n"
    yield "The keys of `params.yaml`. None has a default in the code; the values are those of the"
    yield "file in the project.\n"
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, field in Params.model_fields.items():
        yield f"## {name}\n"
        section = _model_of(field.annotation)
        if section is None:
            yield f"{field.description or ''} `{values.get(name)}`\n"
            continue
        yield from _table(("Key", "", "Value"), _keys(section, name, values.get(name) or {}))


def _keys(model: type[BaseModel], prefix: str, values: Any) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        value = values.get(name) if isinstance(values, dict) else None
        inner = _model_of(field.annotation)
        if inner is not None and isinstance(value, dict):
            yield f"`{prefix}.{name}`", field.description or "", ""
            yield from _keys(inner, f"{prefix}.{name}", value)
            continue
        yield f"`{prefix}.{name}`", field.description or "", f"`{yaml_value(value)}`"


def yaml_value(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
    )


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if inspect.isclass(candidate) and issubclass(candidate, BaseModel):
            return candidate
    return None


def http() -> Iterator[str]:
    """Every path of the API, as its OpenAPI document knows it."""
    from sentiment_core.store_settings import StoreSettings
    from sentiment_serve.app import create_app
    from sentiment_serve.settings import ServeSettings

    document = create_app(ServeSettings(), StoreSettings()).openapi()
    yield "# HTTP\n"
    yield "What `/docs` of a running API shows with examples; `/openapi.json` is all of it."
    yield "Errors are problem details (RFC 9457): [their codes](errors.md).\n"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"## {method.upper()} {path}\n"
            yield operation.get("description") or operation.get("summary", "")
            body = operation.get("requestBody", {}).get("content", {})
            for schema in filter(None, (_schema_name(content) for content in body.values())):
                yield f"\nBody: [`{schema}`](#{schema.lower()})"
            yield ""
            yield from _table(("Status", "Answer"), (
                (status, _answer(response)) for status, response in operation["responses"].items()
            ))  # fmt: skip
    yield "## Schemas\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n"
        yield f"{schema.get('description', '')}\n"
        yield from _table(("Field", "", "Type"), (
            (f"`{field}`" + ("" if field in schema.get("required", ()) else " (optional)"),
             value.get("description", ""), _type(value))
            for field, value in schema.get("properties", {}).items()
        ))  # fmt: skip


def _schema_name(content: dict[str, Any]) -> str | None:
    reference: str = content.get("schema", {}).get("$ref", "")
    return reference.rpartition("/")[2] or None


def _answer(response: dict[str, Any]) -> str:
    names = filter(None, map(_schema_name, response.get("content", {}).values()))
    return ", ".join([response["description"], *(f"[`{name}`](#{name.lower()})" for name in names)])


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(_type(choice) for choice in value["anyOf"])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return f"`{value.get('type', 'any')}`"


def metrics() -> Iterator[str]:
    """Every metric, as the registry of a worker knows it."""
    from prometheus_client.parser import text_string_to_metric_families

    from sentiment_serve.metrics import ServeMetrics
    from sentiment_serve.model.holder import ModelHolder

    served = ServeMetrics(ModelHolder())
    served.prediction_log.spool.count = lambda: 0
    families = text_string_to_metric_families(served.render().decode())
    yield "# Metrics\n"
    yield "What `/metrics` of the API shows, for Prometheus.\n"
    yield from _table(("Metric", "", "Kind"), (
        (f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
         family.documentation, family.type)
        for family in sorted(families, key=lambda family: family.name)
    ))  # fmt: skip


def errors() -> Iterator[str]:
    """Every error code: what it means, its status in HTTP and its exit code."""
    import sentiment_serve.app  # noqa: F401 - it has errors of its own
    from sentiment_cli.exits import ExitCode, exit_code
    from sentiment_core.errors import error_classes
    from sentiment_serve.api.problems import STATUSES

    yield "# Errors and exit codes\n"
    yield "Every error is one sentence that says what is wrong and what to do, with a code for"
    yield "scripts: `code` in an API's answer. The message names the cure in its case; this table"
    yield "says what kind of thing happened.\n"
    yield from _table(("Code", "What happened", "HTTP", "Exit code"), (
        (f"`{cls.code}`", _first_paragraph(cls), str(int(STATUSES[cls.code])),
         str(int(exit_code(cls))))
        for cls in error_classes()
    ))  # fmt: skip
    yield "## Exit codes\n"
    yield from _table(("Code", ""), ((str(int(code)), code.meaning) for code in ExitCode))


def _first_paragraph(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def python(package: Path) -> Iterator[str]:
    """Every public module, for mkdocstrings to fill in."""
    yield f"# {package.name}\n"
    source = package / "src"
    for module in sorted(source.rglob("*.py")):
        name = ".".join(module.relative_to(source).with_suffix("").parts)
        if module.stem not in NOT_SHOWN and "/_" not in str(module.relative_to(source)):
            yield f"## {name.partition('.')[2]}\n\n::: {name}\n"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    cells = [[" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows]
    if not cells:
        return
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in cells:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    main()
