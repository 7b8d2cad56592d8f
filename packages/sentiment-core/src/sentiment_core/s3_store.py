"""Files in a bucket of any store that speaks S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sentiment_core.atomic_files import replacing
from sentiment_core.errors import SettingsError
from sentiment_core.object_store import ObjectInfo
from sentiment_core.s3_errors import map_s3_error, mapped_s3_errors

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from sentiment_core.store_settings import StoreSettings

_CONNECT_TIMEOUT_SECONDS: Final = 3
_READ_TIMEOUT_SECONDS: Final = 60


class S3Store:
    """A bucket, or what lies in it under a prefix.

    Parameters
    ----------
    uri : str
        ``s3://bucket/prefix``; the bucket exists.
    settings : StoreSettings
        Endpoint and keys.
    """

    def __init__(self, uri: str, settings: "StoreSettings") -> None:
        self._bucket, prefix = split_s3_uri(uri)
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._client = s3_client(settings)

    @property
    def uri(self) -> str:
        """Address of the bucket and the prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> bytes:  # noqa: D102 - as in the protocol
        with mapped_s3_errors(self._name(key), self._settings):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return answer["Body"].read()

    def get_file(self, key: str, target: Path) -> None:  # noqa: D102 - as in the protocol
        with (
            replacing(target) as part,
            part.open("wb") as file,
            mapped_s3_errors(self._name(key), self._settings),
        ):
            self._client.download_fileobj(self._bucket, self._prefix + key, file)

    def put(self, key: str, content: bytes) -> None:  # noqa: D102 - as in the protocol
        with mapped_s3_errors(self._name(key), self._settings):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=content)

    def put_file(self, key: str, source: Path) -> None:  # noqa: D102 - as in the protocol
        with source.open("rb") as file, mapped_s3_errors(self._name(key), self._settings):
            self._client.upload_fileobj(file, self._bucket, self._prefix + key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: D102 - as in the protocol
        pages = self._client.get_paginator("list_objects_v2")
        with mapped_s3_errors(self.uri, self._settings):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for item in page.get("Contents", []):
                    yield ObjectInfo(item["Key"].removeprefix(self._prefix), item["Size"])

    def delete(self, key: str) -> None:  # noqa: D102 - as in the protocol
        with mapped_s3_errors(self._name(key), self._settings):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _name(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"


def s3_client(settings: "StoreSettings", *, attempts: int = 2) -> "S3Client":
    """Open a client of an S3 store.

    Parameters
    ----------
    settings : StoreSettings
        Endpoint and keys; what is not set is found by boto3 in its own ways.
    attempts : int, default 2
        Tries of each call.

    Returns
    -------
    S3Client
        With short time limits.

    Raises
    ------
    SettingsError
        If the endpoint is no address, or the profile does not exist.
    DeniedError
        If there is only half a key.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    secret, token = settings.aws_secret_access_key, settings.aws_session_token
    try:
        return boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            aws_session_token=token.get_secret_value() if token else None,
            region_name=settings.aws_default_region,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT_SECONDS,
                read_timeout=_READ_TIMEOUT_SECONDS,
                retries={"total_max_attempts": attempts},
                # Many stores do not know the newer checksums that boto3 would send unasked.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except BotoCoreError as error:
        raise map_s3_error(error, "a client", settings) from error
    except ValueError as error:
        raise SettingsError(f"MLFLOW_S3_ENDPOINT_URL={settings.endpoint}: {error}.") from error


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split an address into bucket and key.

    Parameters
    ----------
    uri : str
        ``s3://bucket/key``; the key may be empty.

    Returns
    -------
    bucket, key : str
        The key without slashes at its ends.

    Examples
    --------
    >>> split_s3_uri("s3://models/sentiment-classifier/")
    ('models', 'sentiment-classifier')
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.strip("/")
