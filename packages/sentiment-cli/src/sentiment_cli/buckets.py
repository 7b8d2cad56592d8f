"""The buckets of the object store: which there are, and those that are missing are made."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from sentiment_core.errors import DeniedError, NotFoundError, UnreachableError
from sentiment_core.object_store import ObjectStore
from sentiment_core.s3_errors import mapped_s3_errors
from sentiment_core.s3_store import S3Store, s3_client

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import BucketLocationConstraintType

    from sentiment_core.store_settings import StoreSettings

BUCKETS: Final = ("mlflow-artifacts", "models", "data")
"""MLflow's artifacts, exported champions, and DVC's data."""

_PAUSE_SECONDS: Final = 0.5
_NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Bucket:
    """A bucket that is there now."""

    name: str
    created: bool


def make_buckets(
    settings: "StoreSettings", names: Iterable[str] = BUCKETS, *, timeout_seconds: float = 60.0
) -> list[Bucket]:
    """Make buckets that are missing; wait for a store that is starting.

    The answer names all of them, in the given order.

    Raises
    ------
    AccessError, SettingsError
        If the store refuses the keys or a bucket.
    UnreachableError
        If it does not answer in time.
    """
    client = s3_client(settings, attempts=1)
    deadline = time.monotonic() + timeout_seconds
    return [Bucket(name, _make_when_answered(client, name, settings, deadline)) for name in names]


def missing_buckets(settings: "StoreSettings", names: Iterable[str] = BUCKETS) -> list[str]:
    """Name the buckets that a store does not have; one that is closed to these keys is there.

    Raises
    ------
    SentimentError
        If the store does not answer, or does not know the keys.
    """
    client = s3_client(settings)
    missing, refusals = [], []
    names = tuple(names)
    for name in names:
        try:
            with mapped_s3_errors(f"the bucket {name}", settings):
                client.head_bucket(Bucket=name)
        except NotFoundError:
            missing.append(name)
        except DeniedError as error:
            refusals.append(error)
    if len(refusals) == len(names):
        raise refusals[0]
    return missing


def open_buckets(settings: "StoreSettings", names: Iterable[str]) -> dict[str, ObjectStore]:
    """Open buckets, by name, for reading and writing."""
    return {name: S3Store(f"s3://{name}", settings) for name in names}


def _make_when_answered(
    client: "S3Client", name: str, settings: "StoreSettings", deadline: float
) -> bool:
    while True:
        try:
            with mapped_s3_errors(f"the bucket {name}", settings):
                return _make_if_missing(client, name, settings)
        except UnreachableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _make_if_missing(client: "S3Client", name: str, settings: "StoreSettings") -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != _NOT_FOUND:
            raise
    else:
        return False
    region = client.meta.region_name
    try:
        if settings.endpoint is None and region not in {"us-east-1", "aws-global"}:
            place = cast("BucketLocationConstraintType", region)
            client.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": place}
            )
        else:
            client.create_bucket(Bucket=name)
    except client.exceptions.BucketAlreadyOwnedByYou:
        return False  # another process was faster
    return True
