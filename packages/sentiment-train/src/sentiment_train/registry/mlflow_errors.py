"""What MLflow's errors mean here: the one place that looks at its codes."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

from sentiment_core.errors import (
    ConflictError,
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    ScorerError,
    SentimentError,
    SettingsError,
    UnreachableError,
)
from sentiment_core.s3_errors import map_s3_error
from sentiment_core.store_settings import StoreSettings

MLFLOW_ERRORS: Final[dict[str, type[SentimentError]]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFoundError,
    "NOT_FOUND": NotFoundError,
    "RESOURCE_ALREADY_EXISTS": ConflictError,
    "ALREADY_EXISTS": ConflictError,
    "RESOURCE_CONFLICT": ConflictError,
    "ABORTED": ConflictError,
    "INVALID_PARAMETER_VALUE": InputError,
    "BAD_REQUEST": InputError,
    "MALFORMED_REQUEST": InputError,
    "PERMISSION_DENIED": DeniedError,
    "UNAUTHENTICATED": DeniedError,
    "CUSTOMER_UNAUTHORIZED": DeniedError,
    "INTERNAL_ERROR": UnreachableError,
    "IO_ERROR": UnreachableError,
    "TEMPORARILY_UNAVAILABLE": UnreachableError,
    "SERVICE_UNDER_MAINTENANCE": UnreachableError,
    "DEADLINE_EXCEEDED": UnreachableError,
    "CANCELLED": UnreachableError,
    "RESOURCE_EXHAUSTED": UnreachableError,
    "REQUEST_LIMIT_EXCEEDED": UnreachableError,
    # A server of another kind, or a proxy, answers at the address.
    "ENDPOINT_NOT_FOUND": RefusedError,
}
"""By MLflow's error code; any other code is a refusal. A server that cannot be reached at all, and
a database that fails, are INTERNAL_ERROR to MLflow."""

PROVEN_BAD: Final = (ScorerError, NotFoundError)
"""What says that the package of a version is damaged, foreign or gone. Every other error says
nothing of it: another try may find it sound."""

_ADVICE: Final[dict[type[SentimentError], str]] = {
    DeniedError: "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
    UnreachableError: "Run `sentiment-cli doctor` to see what is down.",
    RefusedError: "Check MLFLOW_TRACKING_URI.",
}
_MAX_DETAIL: Final = 300


@contextmanager
def mapped_mlflow_errors() -> Iterator[None]:
    """Turn errors of MLflow, and of what it reaches its server, database and store with, into ours.

    See `MLFLOW_ERRORS`, and `sentiment_core.s3_errors.S3_ERRORS` where MLflow keeps its artifacts
    in a bucket.
    """
    try:
        yield
    except Exception as error:
        mapped = _map(error)
        if mapped is None:
            raise
        raise mapped from error


def _map(error: Exception) -> SentimentError | None:
    # Imported here: an error is the first that needs them.
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from requests.exceptions import RequestException
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    if isinstance(error, UnsupportedModelRegistryStoreURIException):
        return SettingsError(
            f"MLFLOW_TRACKING_URI={mlflow.get_tracking_uri()} is no address of an MLflow server: "
            "begin it with http://."
        )
    database = mlflow.get_tracking_uri().removeprefix("sqlite:///")
    if isinstance(error, MlflowException | SQLAlchemyError) and _is_not_writable(error, database):
        return DeniedError(
            f"Cannot write to the database {database}: set SENTIMENT_HOME to a folder that you "
            "may write to, or MLFLOW_TRACKING_URI to a server."
        )
    if isinstance(error, MlflowException):
        cls = MLFLOW_ERRORS.get(error.error_code, RefusedError)
        return cls(_describe(cls, error))
    if isinstance(error, IntegrityError):
        return ConflictError(_describe(ConflictError, error))
    if isinstance(error, RequestException | SQLAlchemyError):
        return UnreachableError(_describe(UnreachableError, error))
    if isinstance(error, BotoCoreError | ClientError | Boto3Error):
        # MLflow reads the same variables.
        return map_s3_error(error, "artifact of MLflow", StoreSettings())
    return None


def _is_not_writable(error: BaseException | None, database: str) -> bool:
    while error is not None:
        if isinstance(error, sqlite3.OperationalError):
            code = error.sqlite_errorcode & 0xFF  # the rest tells the variant
            # What cannot be opened may be opened by a later try, if too many files are open.
            return code == sqlite3.SQLITE_READONLY or (
                code == sqlite3.SQLITE_CANTOPEN and not os.access(Path(database).parent, os.W_OK)
            )
        error = error.__cause__ or error.__context__
    return False


def _describe(cls: type[SentimentError], error: Exception) -> str:
    detail = next(iter(str(error).strip().splitlines()), type(error).__name__)[:_MAX_DETAIL]
    place = f"MLflow ({mlflow.get_tracking_uri()})"
    verb = "does not answer" if cls is UnreachableError else "answers"
    return f"{place} {verb}: {detail.rstrip('.')}. {_ADVICE.get(cls, '')}".rstrip()
