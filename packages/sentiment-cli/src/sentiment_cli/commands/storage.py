"""Commands on the buckets that everything else expects."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.commands.backup import (
    ExistingBackup,
    NewBackup,
    opened,
    restore_to,
    show_made,
)
from sentiment_cli.options import DryRunOption, JsonOption, YesOption
from sentiment_cli.output import check_answerable, print_json
from sentiment_cli.progress import progress

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings


def init_storage(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the store.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets mlflow-artifacts, models and data where they are missing.

    The store is the one that MLFLOW_S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) names, or else AWS.
    """
    from sentiment_cli.buckets import make_buckets

    settings = _settings()
    with progress("Waiting for the store"):
        buckets = make_buckets(settings, timeout_seconds=timeout)
    if as_json:
        print_json(buckets)
        return
    typer.echo(f"Buckets on {_place(settings)}:")
    for bucket in buckets:
        typer.echo(f"  {bucket.name}: {'created' if bucket.created else 'was there'}")


def backup_storage(path: NewBackup, as_json: JsonOption = False) -> None:
    """Make a backup of the buckets alone; `backup` tells more of backups."""
    from sentiment_cli.backup.create import create_backup
    from sentiment_cli.backup.servers import Servers
    from sentiment_cli.buckets import BUCKETS

    servers = Servers(_settings())
    with progress("Copying") as show_detail:
        made = create_backup(path, servers, (), BUCKETS, show_detail)
    show_made(made, as_json=as_json)


def restore_storage(
    path: ExistingBackup,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets equal to those of a backup; other objects in them are deleted."""
    from sentiment_cli.backup.servers import Servers

    settings = _settings()
    place = f"the buckets on {_place(settings)}"
    backup = opened(path)
    check_answerable(f"Replace {place} by the backup?", yes=yes or dry_run)
    restore_to(
        backup, Servers(settings), place,
        with_databases=False, dry_run=dry_run, yes=yes, as_json=as_json,
    )  # fmt: skip


def _settings() -> "StoreSettings":
    from sentiment_cli.settings import read_settings
    from sentiment_core.store_settings import StoreSettings

    return read_settings(StoreSettings)


def _place(settings: "StoreSettings") -> str:
    return settings.endpoint or "AWS S3"
