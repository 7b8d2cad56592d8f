"""What MLflow's errors mean here: the one place that looks at its codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import mlflow
from mlflow.exceptions import MlflowException

from sentiment_core.errors import (
    ConflictError,
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)

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

_ADVICE: Final[dict[type[SentimentError], str]] = {
    DeniedError: "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
    UnreachableError: "Run `sentiment-cli doctor` to see what is down.",
    RefusedError: "Check MLFLOW_TRACKING_URI.",
}
_MAX_DETAIL: Final = 300


@contextmanager
def mapped_mlflow_errors() -> Iterator[None]:
    """Turn errors of MLflow, and of what it reaches its server and database with, into ours.

    Raises
    ------
    SentimentError
        See `MLFLOW_ERRORS`.
    """
    from requests.exceptions import RequestException
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        cls = MLFLOW_ERRORS.get(error.error_code, RefusedError)
        raise cls(_describe(cls, error)) from error
    except IntegrityError as error:
        raise ConflictError(_describe(ConflictError, error)) from error
    except (RequestException, SQLAlchemyError) as error:
        raise UnreachableError(_describe(UnreachableError, error)) from error


def _describe(cls: type[SentimentError], error: Exception) -> str:
    detail = next(iter(str(error).strip().splitlines()), type(error).__name__)[:_MAX_DETAIL]
    place = f"MLflow ({mlflow.get_tracking_uri()})"
    verb = "does not answer" if cls is UnreachableError else "answers"
    return f"{place} {verb}: {detail.rstrip('.')}. {_ADVICE.get(cls, '')}".rstrip()
