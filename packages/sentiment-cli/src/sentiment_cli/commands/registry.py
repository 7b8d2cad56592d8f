"""Commands on registered versions: list, show, compare, move aliases, roll back."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment_cli.options import AliasOption, JsonOption, ModelArgument, ModelNameOption
from sentiment_cli.output import print_json, print_table
from sentiment_core.errors import NotReadyError
from sentiment_core.registry_names import CHAMPION, verdict_of

if TYPE_CHECKING:
    from sentiment_core.object_store import ObjectStore
    from sentiment_train.registry.versions import Registry, VersionInfo
    from sentiment_train.settings import TrainSettings


def _configure() -> "TrainSettings":
    from sentiment_cli.settings import configure

    return configure(needs_home=False)  # a server's registry needs no folder here


def open_registry(model_name: str | None, settings: "TrainSettings | None" = None) -> "Registry":
    """Open the registered model that an option or the settings name.

    This process is then configured for its server. Settings that are not given are read.
    """
    from sentiment_train.registry.lease import LeaseTerms
    from sentiment_train.registry.versions import Registry

    settings = settings or _configure()
    return Registry(
        model_name or settings.model_name,
        LeaseTerms(wait_seconds=settings.promotion_wait_seconds),
        say=lambda text: typer.echo(text, err=True),
    )


def list_versions(model_name: ModelNameOption = None, as_json: JsonOption = False) -> None:
    """List all registered versions, the newest first."""
    registry = open_registry(model_name)
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
            _when(info.created_at),
            verdict_of(info.tags.get("promotion.verdict", "")),
            info.run_id,
        ]
        for info in versions
    ]
    print_table(registry.name, ["Version", "Aliases", "Created (UTC)", "Promotion", "Run"], rows)


def model_info(
    model: ModelArgument = CHAMPION,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a version: metrics, parameters, data, and why it was promoted or not."""
    registry = open_registry(model_name)
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
        elif name not in {"model_name", "version"}:
            typer.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")


def _details(registry: "Registry", info: "VersionInfo") -> dict[str, Any]:
    run = registry.run_record(info)
    return {
        "model_name": registry.name,
        "version": info.version,
        "aliases": info.aliases,
        "created_at": info.created_at.isoformat(timespec="seconds"),
        "run_id": info.run_id,
        "metrics": run.metrics,
        "params": run.params,
        "run_tags": run.tags,
        "tags": info.tags,
    }


def compare(
    first: ModelArgument,
    second: ModelArgument,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show two versions side by side: figures, parameters, and what was decided."""
    from sentiment_core.registry_names import DECISION_PREFIX

    registry = open_registry(model_name)
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
    decided = {name for info in infos for name in info.tags if name.startswith(DECISION_PREFIX)}
    rows += [[name, *(info.tags.get(name, "") for info in infos)] for name in sorted(decided)]
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
    version: Annotated[
        str, typer.Option("--version", help="Version to name: 3, or an alias: challenger.")
    ],
    alias: AliasOption,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an alias name a version; `champion` only if the version's model can be served."""
    settings = _configure()
    registry, store = open_registry(model_name, settings), export_store(settings)
    number = registry.resolve(version).version
    if alias == CHAMPION:
        registry.load(number)
    registry.set_alias(alias, number)
    _keep_exported(registry, store)
    if as_json:
        print_json({"model_name": registry.name, "alias": alias, "version": number})
    else:
        typer.echo(f"{registry.name}@{alias} is version {number} now")


def delete_alias(
    alias: AliasOption, model_name: ModelNameOption = None, as_json: JsonOption = False
) -> None:
    """Remove an alias; the version stays."""
    settings = _configure()
    registry, store = open_registry(model_name, settings), export_store(settings)
    registry.delete_alias(alias)
    _keep_exported(registry, store)
    if as_json:
        print_json({"model_name": registry.name, "alias": alias, "deleted": True})
    else:
        typer.echo(f"{registry.name}@{alias} is gone")


def rollback(
    only_from: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Only if this version is the champion still, so that giving the command twice "
            "goes back once.",
        ),
    ] = None,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the champion before this one the champion again, each time one step further back.

    Champions whose model is damaged or gone are passed over. To go forward again, name the version:
    `sentiment-cli set-alias --alias champion --version N`.
    """
    settings = _configure()
    registry, store = open_registry(model_name, settings), export_store(settings)
    done = registry.roll_back(only_from)
    _keep_exported(registry, store)
    if as_json:
        print_json({"model_name": registry.name, **asdict(done)})
        return
    was = f"it was {done.former}" if done.former else "there was none"
    left = {0: "no earlier champion is left", 1: "1 earlier champion is left"}
    typer.echo(
        f"{registry.name}@champion is version {done.champion} again ({was}); "
        f"{left.get(done.earlier, f'{done.earlier} earlier champions are left')}"
    )
    if done.passed_over:
        typer.echo(f"Passed over, as they cannot serve: version {', '.join(done.passed_over)}")


def export_champion(
    target: Annotated[
        str | None,
        typer.Option("--to", help="s3://bucket/prefix or a folder. [default: $MODEL_EXPORT_URI]"),
    ] = None,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the champion for consumers without MLflow.

    With MODEL_EXPORT_URI, trainings and changes of aliases do it by themselves.
    """
    from sentiment_core.store_settings import StoreSettings
    from sentiment_core.stores import open_store
    from sentiment_train.registry.export import export_champion as export

    settings = _configure()
    target = target or settings.model_export_uri
    if target is None:
        raise typer.BadParameter("Name a place with --to, or set MODEL_EXPORT_URI.")
    registry = open_registry(model_name, settings)
    version = export(registry, open_store(target, StoreSettings()))
    if version is None:
        raise NotReadyError(
            f"{registry.name} has no champion to export: make one with "
            "`sentiment-cli train --champion`."
        )
    if as_json:
        print_json({"model_name": registry.name, "version": version, "target": target})
    else:
        typer.echo(f"{registry.name} version {version} is exported to {target}")


def export_store(settings: "TrainSettings") -> "ObjectStore | None":
    """Open the place that follows the champion, before anything moves."""
    from sentiment_train.registry.export import configured_export

    return configured_export(settings)


def _keep_exported(registry: "Registry", store: "ObjectStore | None") -> None:
    if store is not None:
        from sentiment_train.registry.export import keep_exported

        keep_exported(registry, store)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
