"""What Prefect's errors mean here: the one place that looks at their classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from prefect.exceptions import (
    ObjectAlreadyExists,
    ObjectLimitReached,
    ObjectNotFound,
    ParameterTypeError,
    SignatureMismatchError,
)
from prefect.settings import get_current_settings

from sentiment_core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)
from sentiment_train.http_errors import class_of_status, describe

PREFECT_ERRORS: Final[dict[type[Exception], type[SentimentError]]] = {
    ObjectNotFound: NotFoundError,
    ObjectAlreadyExists: ConflictError,
    ObjectLimitReached: RefusedError,
    ParameterTypeError: InputError,
    SignatureMismatchError: InputError,
    httpx.TransportError: UnreachableError,
}
"""Of other answers the status decides (see `sentiment_train.http_errors`)."""

_ADVICE: Final = "Check PREFECT_API_URL, or run `sentiment-cli doctor` to see what is down."


@contextmanager
def mapped_prefect_errors() -> Iterator[None]:
    """Turn errors of Prefect's client into ours; see `PREFECT_ERRORS`."""
    try:
        yield
    except RuntimeError as error:  # what Prefect makes of a failed first contact
        if not isinstance(error.__cause__, httpx.TransportError):
            raise
        raise UnreachableError(_message("does not answer", error.__cause__)) from error
    except httpx.HTTPStatusError as error:  # Prefect derives its own from it
        cls = class_of_status(error.response.status_code)
        raise cls(_message(f"answers {error.response.status_code}", error)) from error
    except tuple(PREFECT_ERRORS) as error:
        cls = next(ours for theirs, ours in PREFECT_ERRORS.items() if isinstance(error, theirs))
        verb = "does not answer" if cls is UnreachableError else "answers"
        raise cls(_message(verb, error)) from error


def _message(verb: str, error: Exception) -> str:
    detail = describe(error).strip().splitlines()[0].rstrip(".")
    return f"Prefect ({get_current_settings().api.url}) {verb}: {detail}. {_ADVICE}"
