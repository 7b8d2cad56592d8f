"""Commands on registered versions: list, show, compare, move aliases, roll back."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment_cli.output import JsonOption, print_json, print_table
from sentiment_core.registry_names import CHAMPION

if TYPE_CHECKING:
    from sentiment_train.registry import Registry, VersionInfo

ModelNameOption = Annotated[
    str | None, typer.Option("--model-name", help="Registered model. [default: $MODEL_NAME]")
]
AliasOption = Annotated[str, typer.Option("--alias", help="For example champion.")]


def _open(model_name: str | None) -> "Registry":
    from sentiment_train.registry import Registry
    from sentiment_train.runtime import configure_runtime

    settings = configure_runtime()
    return Registry(model_name or settings.model_name)


def list_versions(model_name: ModelNameOption = None, as_json: JsonOption = False) -> None:
    """List all registered versions, the newest first."""
    registry = _open(model_name)
    versions = registry.versions()
    if as_json:
        print_json(versions)
        return
    if not versions:
        typer.echo(f"{registry.name} has no versions yet: run `sentiment-cli train --champion`.")
        return
    rows = [
        [
            info.version,
            ", ".join(f"@{alias}" for alias in info.aliases),
            _when(info.created),
            info.tags.get("promotion.verdict", ""),
            info.run_id,
        ]
        for info in versions
    ]
    print_table(registry.name, ["Version", "Aliases", "Created (UTC)", "Promotion", "Run"], rows)


def model_info(
    model: Annotated[str, typer.Argument(help="Version or alias.")] = CHAMPION,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a version: metrics, parameters, data, and why it was promoted or not."""
    registry = _open(model_name)
    info = registry.resolve(model)
    details = _details(registry, info)
    if as_json:
        print_json(details)
        return
    typer.echo(f"{registry.name} version {info.version}")
    for name, value in details.items():
        if isinstance(value, dict):
            typer.echo(f"{name}:")
            for key, item in sorted(value.items()):
                typer.echo(
                    f"  {key}: {item:.4f}" if isinstance(item, float) else f"  {key}: {item}"
                )
        elif name not in {"name", "version"}:
            typer.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")


def _details(registry: "Registry", info: "VersionInfo") -> dict[str, Any]:
    run = registry.run_record(info)
    return {
        "name": registry.name,
        "version": info.version,
        "aliases": info.aliases,
        "created": _when(info.created),
        "run_id": info.run_id,
        "metrics": run.metrics,
        "params": run.params,
        "run_tags": run.tags,
        "tags": info.tags,
    }


def compare(
    first: Annotated[str, typer.Argument(help="Version or alias.")],
    second: Annotated[str, typer.Argument(help="Version or alias.")],
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show two versions side by side: what they scored and how they were made."""
    registry = _open(model_name)
    infos = [registry.resolve(reference) for reference in (first, second)]
    runs = [registry.run_record(info) for info in infos]
    same_rows = runs[0].test_digest is not None and runs[0].test_digest == runs[1].test_digest
    if as_json:
        details = [_details(registry, info) for info in infos]
        print_json({"versions": details, "same_held_out_rows": same_rows})
        return
    rows = [
        [name, *(f"{run.metrics[name]:.4f}" if name in run.metrics else "" for run in runs)]
        for name in sorted(runs[0].metrics | runs[1].metrics)
    ]
    rows += [
        [name, *(run.params.get(name, "") for run in runs)]
        for name in sorted(runs[0].params | runs[1].params)
    ]
    headings = [
        f"{info.version} {' '.join('@' + a for a in info.aliases)}".strip() for info in infos
    ]
    print_table(registry.name, ["", *headings], rows)
    if not same_rows:
        typer.echo("The metrics are not comparable: the versions were evaluated on other rows.")


def set_alias(
    version: Annotated[str, typer.Option("--version", help="Version to name.")],
    alias: AliasOption,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an alias name a version; `champion` only if the version's model can be served."""
    registry = _open(model_name)
    registry.resolve(version)
    if alias == CHAMPION:
        registry.load(version)
        registry.make_champion(version)
    else:
        registry.set_alias(alias, version)
    if as_json:
        print_json({"name": registry.name, "alias": alias, "version": version})
    else:
        typer.echo(f"{registry.name}@{alias} is version {version} now")


def delete_alias(
    alias: AliasOption, model_name: ModelNameOption = None, as_json: JsonOption = False
) -> None:
    """Remove an alias; the version stays."""
    registry = _open(model_name)
    registry.delete_alias(alias)
    if as_json:
        print_json({"name": registry.name, "alias": alias, "deleted": True})
    else:
        typer.echo(f"{registry.name}@{alias} is gone")


def rollback(model_name: ModelNameOption = None, as_json: JsonOption = False) -> None:
    """Make the previous champion the champion again; the two change places."""
    registry = _open(model_name)
    former, restored = registry.roll_back()
    if as_json:
        print_json({"name": registry.name, "former": former, "champion": restored})
    else:
        typer.echo(f"{registry.name}@champion is version {restored} again (it was {former})")


def _when(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
