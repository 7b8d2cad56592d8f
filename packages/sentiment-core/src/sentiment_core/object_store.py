"""One port for every place that keeps files: a folder, or a bucket of any store that speaks S3."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlparse

from sentiment_core.errors import (
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    SettingsError,
    UnreachableError,
)
from sentiment_core.files import PART_PREFIX, replacing, write_atomically

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from sentiment_core.store_settings import StoreSettings

_CONNECT_TIMEOUT_SECONDS: Final = 3
_READ_TIMEOUT_SECONDS: Final = 60
_SERVER_ERROR: Final = 500
_FORBIDDEN: Final = (401, 403)

S3_ERRORS: Final[dict[str, type[SentimentError]]] = {
    "404": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchBucket": NotFoundError,
    "403": DeniedError,
    "AccessDenied": DeniedError,
    "ExpiredToken": DeniedError,
    "InvalidAccessKeyId": DeniedError,
    "InvalidClientTokenId": DeniedError,
    "SignatureDoesNotMatch": DeniedError,
    "InternalError": UnreachableError,
    "RequestTimeout": UnreachableError,
    "ServiceUnavailable": UnreachableError,
    "SlowDown": UnreachableError,
}
"""What a store's answers mean; of others, the status decides (see `map_s3_error`)."""

LIBRARY_ERRORS: Final[dict[str, type[SentimentError]]] = {
    "NoCredentialsError": DeniedError,
    "PartialCredentialsError": DeniedError,
    "CredentialRetrievalError": DeniedError,
    "ProfileNotFound": SettingsError,
    "ParamValidationError": InputError,
}
"""What errors of botocore mean that come without an answer; all others: the store is away."""

_KEYS: Final = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REMEDIES: Final = {
    "NoCredentialsError": f"There are no keys for {{place}} ({{what}}): set {_KEYS}.",
    "PartialCredentialsError": f"There is half a key for {{place}} ({{what}}): set both {_KEYS}.",
    "ProfileNotFound": "{error} ({what}): correct AWS_PROFILE.",
}


class ObjectInfo(NamedTuple):
    """An object of a store."""

    key: str
    size: int


class ObjectReader(Protocol):
    """A place that files are read from."""

    @property
    def uri(self) -> str:
        """Address of the place, without a slash at its end."""
        ...

    def get(self, key: str) -> bytes:
        """Read an object.

        Parameters
        ----------
        key : str
            Its name, with slashes.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        NotFoundError
            If it does not exist.
        DeniedError, RefusedError
            If the store does not give it to this caller.
        UnreachableError
            If the store does not answer, or the transfer breaks.
        """
        ...

    def get_file(self, key: str, target: Path) -> None:
        """Copy an object into a file, which appears when it is complete.

        Parameters
        ----------
        key : str
            Its name, with slashes.
        target : Path
            Is replaced.

        Raises
        ------
        SentimentError
            As `get`.
        OSError
            If the file cannot be written.
        """
        ...


class ObjectStore(ObjectReader, Protocol):
    """A place for files, which is read and written."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole, or not at all.

        Parameters
        ----------
        key : str
            Its name, with slashes; an older object is replaced.
        content : bytes
            All of it.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`; NotFoundError if the bucket does not exist.
        """
        ...

    def put_file(self, key: str, source: Path) -> None:
        """Write an object from a file of any size.

        Parameters
        ----------
        key : str
            Its name, with slashes; an older object is replaced.
        source : Path
            The content.

        Raises
        ------
        SentimentError
            As `put`.
        OSError
            If the file cannot be read.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List objects in the order of their keys.

        Parameters
        ----------
        prefix : str
            Beginning of the keys.

        Yields
        ------
        ObjectInfo
            Key and size in bytes.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`; NotFoundError if the bucket does not exist.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object; one that does not exist is no error.

        Parameters
        ----------
        key : str
            Its name.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`.
        """
        ...


def open_store(uri: str, settings: "StoreSettings") -> ObjectStore:
    """Open the place that an address names.

    Parameters
    ----------
    uri : str
        ``s3://bucket/prefix``, ``file:///folder`` or a path.
    settings : StoreSettings
        Endpoint and keys of the S3 store.

    Returns
    -------
    ObjectStore
        Nothing is read or written yet.

    Raises
    ------
    SettingsError
        If addresses of that kind cannot be opened.
    """
    scheme = urlparse(uri).scheme if "://" in uri else ""
    if scheme == "s3":
        return S3Store(uri, settings)
    if scheme == "file":
        return FolderStore(Path(unquote(uri.removeprefix("file://"))))
    if scheme == "":
        return FolderStore(Path(uri))
    raise SettingsError(f"{uri}: only s3://, file:// and paths can be opened.")


class FolderStore:
    """A folder on this machine.

    Parameters
    ----------
    folder : Path
        Is created when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def uri(self) -> str:
        """Path of the folder."""
        return str(self._folder)

    def get(self, key: str) -> bytes:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            return self._path(key).read_bytes()

    def get_file(self, key: str, target: Path) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            source = self._path(key).open("rb")
        with source, replacing(target) as part, part.open("wb") as file:
            shutil.copyfileobj(source, file)

    def put(self, key: str, content: bytes) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            write_atomically(self._path(key), content)

    def put_file(self, key: str, source: Path) -> None:  # noqa: D102 - as in the protocol
        with (
            source.open("rb") as file,
            self._mapped(key),
            replacing(self._path(key)) as part,
            part.open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: D102 - as in the protocol
        with self._mapped(prefix):
            found = [
                ObjectInfo(path.relative_to(self._folder).as_posix(), path.stat().st_size)
                for path in self._folder.rglob("*")
                if path.is_file() and not path.name.startswith(PART_PREFIX)
            ]
        yield from sorted(item for item in found if item.key.startswith(prefix))

    def delete(self, key: str) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", ".."} for part in parts):
            raise InputError(f"{key!r} is no name of a file in {self.uri}.")
        return self._folder.joinpath(*parts)

    @contextmanager
    def _mapped(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFoundError(f"{self.uri} has no file {key}.") from error
        except PermissionError as error:
            raise DeniedError(f"{self.uri}/{key}: {error.strerror}.") from error
        except OSError as error:
            raise UnreachableError(f"{self.uri}/{key}: {error.strerror or error}.") from error


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


@contextmanager
def mapped_s3_errors(what: str, settings: "StoreSettings") -> Iterator[None]:
    """Turn errors of boto3 into this project's.

    Parameters
    ----------
    what : str
        The object or bucket in question.
    settings : StoreSettings
        Of the store, for the message.

    Raises
    ------
    SentimentError
        See `S3_ERRORS` and `LIBRARY_ERRORS`.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError, HTTPError, RetriesExceededError) as error:
        raise map_s3_error(error, what, settings) from error


def map_s3_error(error: Exception, what: str, settings: "StoreSettings") -> SentimentError:
    """Say what an error of boto3 means.

    Parameters
    ----------
    error : Exception
        Of boto3, botocore, s3transfer or urllib3.
    what : str
        The object or bucket in question.
    settings : StoreSettings
        Of the store, for the message.

    Returns
    -------
    SentimentError
        To be raised from `error`.
    """
    from botocore.exceptions import ClientError

    place = settings.endpoint or "AWS S3"
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        cls = S3_ERRORS.get(code) or _class_of_status(status)
        detail = code or str(status)
    else:
        name = type(error).__name__
        cls = LIBRARY_ERRORS.get(name, UnreachableError)
        if remedy := _REMEDIES.get(name):
            return cls(remedy.format(error=error, place=place, what=what))
        detail = next(iter(str(error).splitlines()), "") or type(error).__name__
    if cls is NotFoundError:
        return cls(f"{place} has no {what} ({detail}).")
    if cls is DeniedError:
        key = settings.aws_access_key_id
        refused = f"refuses the key {key}" if key else "has been given no key"
        return cls(f"{place} {refused} for {what} ({detail}): check {_KEYS}.")
    if cls is UnreachableError:
        return cls(f"The store {place} does not answer for {what} ({detail}).")
    return cls(f"{place} refuses {what} ({detail}).")


def _class_of_status(status: int) -> type[SentimentError]:
    if status in _FORBIDDEN:
        return DeniedError
    return UnreachableError if status >= _SERVER_ERROR or not status else RefusedError


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
