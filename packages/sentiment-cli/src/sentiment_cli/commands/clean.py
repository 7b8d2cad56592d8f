"""The command that deletes what retention does not keep."""

import typer

from sentiment_cli.options import DryRunOption, JsonOption, YesOption
from sentiment_cli.output import confirm, print_json


def clean(
    dry_run: DryRunOption = False, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Delete old versions, runs and exports, and what was deleted in MLflow long ago.

    A version stays that an alias names, that rollback could return to, that is served from the
    bucket, that is among the newest RETENTION_VERSIONS, or that is younger than RETENTION_DAYS.
    Deleted runs can be restored in MLflow for RETENTION_DAYS more.
    """
    from dataclasses import asdict

    from sentiment_cli.commands.registry import export_store, open_registry
    from sentiment_cli.progress import progress
    from sentiment_cli.settings import configure
    from sentiment_train.registry.retention import clean_registry, purge, terms_of

    settings = configure(needs_home=False)
    registry, store = open_registry(None, settings), export_store(settings)
    experiment, terms = settings.mlflow_experiment_name, terms_of(settings)
    found = clean_registry(registry, store, experiment, terms, dry_run=True)
    for sentence in found.sentences():
        typer.echo(sentence, err=as_json)
    purged = None
    if not dry_run:
        if found.something and not yes:
            confirm("Delete them?")
        with progress("Deleting"):
            found = clean_registry(registry, store, experiment, terms)
            purged = purge(settings.tracking_uri, settings.retention_days)
    if as_json:
        print_json({**asdict(found), "deleted": not dry_run, "purged": purged})
    elif dry_run:
        typer.echo("Nothing was changed.")
    elif found.something:
        typer.echo("They are gone.")
