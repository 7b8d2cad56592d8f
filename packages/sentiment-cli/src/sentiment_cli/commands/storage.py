"""Commands on the buckets that everything else expects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.options import JsonOption, YesOption
from sentiment_cli.output import confirm, print_json
from sentiment_cli.progress import progress
from sentiment_core.errors import InputError

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


def backup_storage(
    folder: Annotated[Path, typer.Argument(help="Gets one folder for each bucket.")],
    as_json: JsonOption = False,
) -> None:
    """Copy all objects of the buckets into a folder."""
    from sentiment_cli.bucket_backup import save_buckets
    from sentiment_cli.buckets import BUCKETS, open_buckets

    settings = _settings()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder.")
    with progress("Copying") as show_object:
        count = save_buckets(open_buckets(settings, BUCKETS), folder, show_object)
    if as_json:
        print_json({"folder": str(folder), "objects": count})
    else:
        typer.echo(f"{count} objects: {folder}")


def restore_storage(
    folder: Annotated[Path, typer.Argument(help="Holds one folder for each bucket.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets equal to a backup; other objects in them are deleted."""
    from sentiment_cli.bucket_backup import restore_buckets, saved_buckets
    from sentiment_cli.buckets import make_buckets, open_buckets

    settings = _settings()
    names = saved_buckets(folder)
    if not names:
        raise InputError(
            f"{folder} holds no bucket: name a folder that `sentiment-cli backup-storage` made."
        )
    if not yes:
        confirm(f"Replace the buckets on {_place(settings)}?")
    with progress("Restoring") as show_object:
        make_buckets(settings)
        count = restore_buckets(folder, open_buckets(settings, names), show_object)
    if as_json:
        print_json({"folder": str(folder), "objects": count})
    else:
        typer.echo(f"{count} objects are back.")


def _settings() -> "StoreSettings":
    from sentiment_cli.settings import read_settings
    from sentiment_core.store_settings import StoreSettings

    return read_settings(StoreSettings)


def _place(settings: "StoreSettings") -> str:
    return settings.endpoint or "AWS S3"
