"""The buckets of the object store: made, and made sure of."""

import time
from dataclasses import dataclass
from typing import Any, Final

from sentiment_cli.foreign_errors import describe_keys
from sentiment_core.errors import SentimentError, UnreachableError
from sentiment_core.object_store import s3_client, s3_endpoint

BUCKETS: Final = ("mlflow-artifacts", "models", "data")
"""MLflow's artifacts, exported champions, and DVC's data."""

_SERVER_ERROR: Final = 500


class StorageError(SentimentError):
    """The store refuses."""


@dataclass(frozen=True)
class Bucket:
    """A bucket that is there now."""

    name: str
    created: bool


def init_storage(
    buckets: tuple[str, ...] = BUCKETS, *, timeout_seconds: float = 60.0
) -> list[Bucket]:
    """Make buckets that are missing; wait for a store that is starting.

    Parameters
    ----------
    buckets : tuple of str
        Names.
    timeout_seconds : float, default 60
        How long to wait for an answer.

    Returns
    -------
    list of Bucket
        All of them, in the given order.

    Raises
    ------
    StorageError
        If the store refuses the keys or a bucket.
    UnreachableError
        If it does not answer in time.
    """
    client = s3_client(attempts=1)
    deadline = time.monotonic() + timeout_seconds
    return [Bucket(name, _ensure(client, name, deadline)) for name in buckets]


def _ensure(client: Any, bucket: str, deadline: float) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    place = s3_endpoint() or "AWS S3"
    while True:
        try:
            return _create_if_missing(client, bucket)
        except (BotoCoreError, ClientError) as error:
            if message := describe_keys(error):
                raise StorageError(f"Bucket {bucket}: {message}") from error
            status = _status(error)
            if status is not None and status < _SERVER_ERROR:
                raise StorageError(f"{place} refuses the bucket {bucket}: {error}.") from error
            problem: Exception = error
        if time.monotonic() > deadline:
            raise UnreachableError(f"The store {place} does not answer: {problem}") from problem
        time.sleep(0.5)


def _create_if_missing(client: Any, bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    else:
        return False
    try:
        region = client.meta.region_name
        elsewhere = s3_endpoint() is None and region not in {None, "us-east-1", "aws-global"}
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
        client.create_bucket(Bucket=bucket, **place)
    except client.exceptions.BucketAlreadyOwnedByYou:
        return False  # another process was faster
    return True


def _status(error: Exception) -> int | None:
    """Return the status of an answer; None where there was none."""
    response: dict[str, Any] = getattr(error, "response", {})
    status: int | None = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status
