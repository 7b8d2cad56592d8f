"""Reading over HTTP: what urllib3's errors and a server's status codes mean here."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import urllib3
from urllib3 import exceptions as urllib3_errors

from sentiment_core.atomic_files import replacing
from sentiment_core.errors import (
    DeniedError,
    NotFoundError,
    RefusedError,
    SentimentError,
    SettingsError,
    UnreachableError,
)

HTTP_STATUSES: Final[dict[int, type[SentimentError]]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    407: DeniedError,
    408: UnreachableError,
    410: NotFoundError,
    425: UnreachableError,
    429: UnreachableError,
}
"""What an answer means; of others, those below 500 are refusals, the rest faults of the server."""

URLLIB3_ERRORS: Final[dict[type[urllib3_errors.HTTPError], type[SentimentError]]] = {
    urllib3_errors.LocationValueError: SettingsError,
    urllib3_errors.HTTPError: UnreachableError,
}
"""What an error without an answer means; the first class that fits decides."""

_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=60.0)
_CHUNK_BYTES: Final = 1 << 18
_FIRST_ERROR: Final = 400
_FIRST_SERVER_ERROR: Final = 500


def open_pool() -> urllib3.PoolManager:
    """Open the connections of a process; each call tries three times, within seconds."""
    retries = urllib3.Retry(
        2,
        backoff_factor=0.2,
        redirect=3,
        # A server that says "in an hour" would hold the watcher for an hour.
        respect_retry_after_header=False,
    )
    return urllib3.PoolManager(retries=retries)


def error_of_status(status: int) -> type[SentimentError] | None:
    """Say what a status code means; None if it is no error."""
    if status < _FIRST_ERROR:
        return None
    fallback = UnreachableError if status >= _FIRST_SERVER_ERROR else RefusedError
    return HTTP_STATUSES.get(status, fallback)


@contextmanager
def mapped_http_errors(what: str) -> Iterator[None]:
    """Turn errors of urllib3 into this project's; see `URLLIB3_ERRORS`."""
    try:
        yield
    except urllib3_errors.HTTPError as error:
        cls = next(mapped for of, mapped in URLLIB3_ERRORS.items() if isinstance(error, of))
        verb = "is no address" if cls is SettingsError else "does not answer"
        raise cls(f"{what} {verb} ({_cause(error)}).") from error


def _cause(error: urllib3_errors.HTTPError) -> str:
    if isinstance(error, urllib3_errors.MaxRetryError) and error.reason:
        return type(error.reason).__name__
    return type(error).__name__


class HttpReader:
    """Files below an address; a `sentiment_core.object_store.ObjectReader`.

    The headers are sent with each request.
    """

    def __init__(
        self, uri: str, pool: urllib3.PoolManager, headers: Mapping[str, str] | None = None
    ) -> None:
        self._uri = uri.rstrip("/")
        self._pool = pool
        self._headers = headers or {}

    @property
    def uri(self) -> str:
        """Address of the folder, without a slash at its end."""
        return self._uri

    def get(self, key: str) -> bytes:  # noqa: D102 - as in the protocol
        with mapped_http_errors(self._url(key)), self._request(key) as response:
            return response.read()

    def get_file(self, key: str, target: Path) -> None:  # noqa: D102 - as in the protocol
        with (
            mapped_http_errors(self._url(key)),
            self._request(key) as response,
            replacing(target) as part,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(response, file, _CHUNK_BYTES)

    @contextmanager
    def _request(self, key: str) -> Iterator[urllib3.BaseHTTPResponse]:
        url = self._url(key)
        response = self._pool.request(
            "GET", url, headers=self._headers, timeout=_TIMEOUT, preload_content=False
        )
        with response:
            cls = error_of_status(response.status)
            if cls is NotFoundError:
                raise cls(f"{self._uri} has no file {key} ({response.status}).")
            if cls:
                raise cls(f"{url} answers {response.status}.")
            yield response

    def _url(self, key: str) -> str:
        return f"{self._uri}/{quote(key)}"
