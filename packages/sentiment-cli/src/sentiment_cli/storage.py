"""The buckets of the object store: made, and made sure of."""

import time
from dataclasses import dataclass
from typing import Any, Final

from sentiment_core.errors import SentimentError, UnreachableError
from sentiment_core.object_store import s3_client, s3_endpoint

BUCKETS: Final = ("mlflow-artifacts", "models", "data")
"""MLflow's artifacts, exported champions, and DVC's data."""

_REFUSALS: Final = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch",
                    "InvalidClientTokenId"}  # fmt: skip
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
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    place = s3_endpoint() or "AWS S3"
    while True:
        try:
            return _create_if_missing(client, bucket)
        except NoCredentialsError as error:
            raise StorageError(
                "No S3 keys are set: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            ) from error
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code = error.response["Error"]["Code"]
            if code in _REFUSALS or status == 403:
                raise StorageError(
                    f"{place} refuses the key {_key(client)} for the bucket {bucket} ({code}): "
                    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
                ) from error
            if status < _SERVER_ERROR:
                raise StorageError(f"{place} refuses the bucket {bucket}: {error}.") from error
            problem: Exception = error
        except BotoCoreError as error:
            problem = error
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


def _key(client: Any) -> str:
    credentials = client._request_signer._credentials
    return str(credentials.access_key) if credentials else "(none)"
