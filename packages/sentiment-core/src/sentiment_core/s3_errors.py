"""What errors of S3 stores and of boto3 mean here: the one place that looks at their codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sentiment_core.errors import (
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    SettingsError,
    UnreachableError,
)

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings

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


@contextmanager
def mapped_s3_errors(what: str, settings: "StoreSettings") -> Iterator[None]:
    """Turn errors of boto3 into this project's.

    Parameters
    ----------
    what : str
        The object or bucket in question.
    settings : StoreSettings
        Settings of the store, for the message.

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
        An error of boto3, botocore, s3transfer or urllib3.
    what : str
        The object or bucket in question.
    settings : StoreSettings
        Settings of the store, for the message.

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
