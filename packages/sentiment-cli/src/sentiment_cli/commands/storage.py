"""`init-storage`: the buckets that everything else expects."""

from typing import Annotated

import typer

from sentiment_cli.output import JsonOption, print_json
from sentiment_cli.progress import spinner


def init_storage(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the store.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets mlflow-artifacts, models and data where they are missing.

    The store is the one that MLFLOW_S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) names, or else AWS.
    """
    from sentiment_cli import storage
    from sentiment_core.object_store import s3_endpoint
    from sentiment_train.runtime import configure_runtime

    configure_runtime()
    with spinner("Waiting for the store"):
        buckets = storage.init_storage(timeout_seconds=timeout)
    if as_json:
        print_json(buckets)
        return
    typer.echo(f"Buckets on {s3_endpoint() or 'AWS S3'}:")
    for bucket in buckets:
        typer.echo(f"  {bucket.name}: {'created' if bucket.created else 'was there'}")
