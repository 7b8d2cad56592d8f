"""What HTTP answers and broken connections mean here: the one place for httpx's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from sentiment_core.errors import (
    ConflictError,
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)

HTTP_STATUSES: Final[dict[int, type[SentimentError]]] = {
    400: InputError,
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    408: UnreachableError,
    409: ConflictError,
    410: NotFoundError,
    422: InputError,
    429: UnreachableError,
}
"""By status; a higher one than 499 is an outage, and any other a refusal."""

_SERVER_ERROR: Final = 500


def class_of_status(status: int) -> type[SentimentError]:
    """Look up in `HTTP_STATUSES` what the status of an answer that is no success means."""
    if status >= _SERVER_ERROR:
        return UnreachableError
    return HTTP_STATUSES.get(status, RefusedError)


@contextmanager
def mapped_http_errors(advice: str = "") -> Iterator[None]:
    """Turn errors of httpx into ours, as `HTTP_STATUSES` says; a missing answer is an outage.

    `advice` says what the user can do, to end the message.
    """
    try:
        yield
    except httpx.HTTPStatusError as error:
        answer = error.response
        message = f"{answer.url} answered {answer.status_code} {answer.reason_phrase}. {advice}"
        raise class_of_status(answer.status_code)(message.rstrip()) from error
    except httpx.TransportError as error:
        message = f"Cannot reach {error.request.url} ({describe(error)}). {advice}"
        raise UnreachableError(message.rstrip()) from error
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise RefusedError(f"{describe(error)}. {advice}".rstrip()) from error


def describe(error: Exception) -> str:
    """Return the text of an error of httpx, or the name of its class if it has none."""
    return str(error) or type(error).__name__
