"""Errors of other libraries that are a user's to mend: keys, folders, variables."""

import os
from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from sentiment_core.object_store import s3_endpoint

KEYS: Final = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REFUSALS: Final = {"403", "AccessDenied", "Forbidden", "InvalidAccessKeyId", "InvalidToken",
                    "SignatureDoesNotMatch", "InvalidClientTokenId", "401"}  # fmt: skip
_READ_ONLY_DATABASE: Final = ("readonly database", "unable to open database file")


def describe_mistake(error: BaseException) -> str | None:
    """Say what a user can do about an error of a library.

    Parameters
    ----------
    error : BaseException
        With its causes.

    Returns
    -------
    str or None
        What, which, and what to do next; None where it is no user's mistake.
    """
    for one in _causes(error):
        message = (
            describe_keys(one) or _describe_address(one) or _describe_database(one)
            or _describe_settings(one)
            or _describe_file(one)
        )  # fmt: skip
        if message:
            return message
    return None


def describe_keys(error: BaseException) -> str | None:
    """Say what is wrong with the keys of the S3 store.

    Parameters
    ----------
    error : BaseException
        Of botocore, or another.

    Returns
    -------
    str or None
        None where the keys are not what is wrong.
    """
    if type(error).__module__.partition(".")[0] != "botocore":
        return None
    from botocore.exceptions import (
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    place = s3_endpoint() or "AWS S3"
    if isinstance(error, NoCredentialsError):
        return f"There are no keys for {place}: set {KEYS}."
    if isinstance(error, PartialCredentialsError):
        return f"There is half a key for {place}: set both {KEYS}."
    if isinstance(error, ProfileNotFound):
        return f"{error}: correct AWS_PROFILE."
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in _REFUSALS or status in {401, 403}:
            key = os.environ.get("AWS_ACCESS_KEY_ID", "(from the AWS configuration)")
            return f"{place} refuses the key {key} ({code}): check {KEYS}."
    return None


def _describe_address(error: BaseException) -> str | None:
    # MLflow has one class of this for runs and one for models, each in a module of its own.
    if not type(error).__name__.startswith("Unsupported"):
        return None
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    return f"MLFLOW_TRACKING_URI={uri} is no address of an MLflow server: begin it with http://."


def _describe_database(error: BaseException) -> str | None:
    text = str(error)
    if not any(sign in text for sign in _READ_ONLY_DATABASE):
        return None
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    return (
        f"Cannot write to the database {uri.removeprefix('sqlite:///')}: set SENTIMENT_HOME to a "
        "folder that you may write to, or MLFLOW_TRACKING_URI to a server."
    )


def _describe_settings(error: BaseException) -> str | None:
    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return None
    problem = error.errors()[0]
    prefix = _prefix(error.title)
    name = "".join([prefix, *(str(part) for part in problem["loc"][:1])]).upper()
    value = problem["input"]
    given = f"{name}={value}" if isinstance(value, str | int | float) else name
    return f"{given}: {problem['msg']}. Correct the variable, or its line in .env."


def _prefix(title: str) -> str:
    classes = {found.__name__: found for found in BaseSettings.__subclasses__()}
    return str(classes[title].model_config.get("env_prefix", "")) if title in classes else ""


def _describe_file(error: BaseException) -> str | None:
    if not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError):
        return None
    if error.filename is None or error.strerror is None:
        return None
    what = f"{error.filename}: {error.strerror}."
    if isinstance(error, PermissionError) or "Read-only" in error.strerror:
        what += (
            " State, downloads and models are kept in SENTIMENT_HOME: set it to a folder that you "
            "may write to."
        )
    return what


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
