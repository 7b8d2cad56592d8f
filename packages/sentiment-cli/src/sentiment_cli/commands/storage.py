"""Commands on the buckets that everything else expects."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.output import JsonOption, confirm, print_json
from sentiment_cli.progress import progress
from sentiment_core.errors import SentimentError


def init_storage(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the store.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets mlflow-artifacts, models and data where they are missing.

    The store is the one that MLFLOW_S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) names, or else AWS.
    """
    from sentiment_cli import storage
    from sentiment_core.object_store import s3_endpoint
    from sentiment_train.running.environment import configure_runtime

    configure_runtime(needs_home=False)
    with progress("Waiting for the store"):
        buckets = storage.init_storage(timeout_seconds=timeout)
    if as_json:
        print_json(buckets)
        return
    typer.echo(f"Buckets on {s3_endpoint() or 'AWS S3'}:")
    for bucket in buckets:
        typer.echo(f"  {bucket.name}: {'created' if bucket.created else 'was there'}")


def backup_storage(
    folder: Annotated[Path, typer.Argument(help="Gets one folder for each bucket.")],
    as_json: JsonOption = False,
) -> None:
    """Copy all objects of the buckets into a folder."""
    from sentiment_cli.storage import BUCKETS
    from sentiment_cli.storage_sync import save_buckets
    from sentiment_train.running.environment import configure_runtime

    configure_runtime(needs_home=False)
    if folder.exists() and not folder.is_dir():
        raise SentimentError(f"{folder} is a file: name a folder.")
    with progress("Copying") as tell:
        count = save_buckets(BUCKETS, folder, tell)
    if as_json:
        print_json({"folder": str(folder), "objects": count})
    else:
        typer.echo(f"{count} objects: {folder}")


def restore_storage(
    folder: Annotated[Path, typer.Argument(help="Holds one folder for each bucket.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets equal to a backup; other objects in them are deleted."""
    from sentiment_cli.storage import init_storage as make_buckets
    from sentiment_cli.storage_sync import restore_buckets
    from sentiment_core.object_store import s3_endpoint
    from sentiment_train.running.environment import configure_runtime

    configure_runtime(needs_home=False)
    if not folder.is_dir() or not any(entry.is_dir() for entry in folder.iterdir()):
        raise SentimentError(
            f"{folder} holds no bucket: name a folder that `sentiment-cli backup-storage` made."
        )
    if not yes:
        confirm(f"Replace the buckets on {s3_endpoint() or 'AWS S3'}?")
    with progress("Restoring") as tell:
        make_buckets()
        count = restore_buckets(folder, tell)
    if as_json:
        print_json({"folder": str(folder), "objects": count})
    else:
        typer.echo(f"{count} objects are back.")
