"""Asks servers over HTTP; the one place that knows what httpx's errors mean.

* HTTPError
  * RequestError
    * TransportError: time limits, connections, protocol, proxies
      - UnsupportedProtocol: the address is wrong
    - DecodingError
    - TooManyRedirects
  * HTTPStatusError: the status decides
* InvalidURL: the address is wrong
"""

import ssl
from base64 import b64encode
from functools import cache
from typing import Any, Final

import httpx

from sentiment_core.errors import (
    RefusedError,
    SentimentError,
    SettingsError,
    UnreachableError,
)
from sentiment_train.http_errors import class_of_status

HTTP_ERRORS: Final[dict[type[Exception], type[SentimentError]]] = {
    httpx.TransportError: UnreachableError,
    httpx.UnsupportedProtocol: SettingsError,
    httpx.DecodingError: RefusedError,
    httpx.TooManyRedirects: RefusedError,
    httpx.InvalidURL: SettingsError,
}
"""What goes wrong before there is an answer; a class that is not listed is as its base."""

_CLIENT_ERROR: Final = 400


def fetch(
    url: str,
    *,
    timeout_seconds: float,
    method: str = "GET",
    parameters: dict[str, str] | None = None,
    content: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    accepted_below: int = _CLIENT_ERROR,
) -> httpx.Response:
    """Ask a server.

    Parameters
    ----------
    timeout_seconds : float
        How long to wait for the connection and for each part of the answer.
    method : str, default "GET"
        Of HTTP.
    parameters : dict of str to str, optional
        The query.
    content : dict, optional
        Sent as JSON.
    headers : dict of str to str, optional
        Such as ``Authorization``.
    accepted_below : int, default 400
        Statuses from here on are errors.

    Raises
    ------
    SentimentError
        See `HTTP_ERRORS`, and `sentiment_train.http_errors.HTTP_STATUSES`.
    """
    try:
        # As bytes: a token in other letters than ASCII is the server's to refuse.
        encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        response = httpx.request(
            method, url, params=parameters, json=content, headers=encoded,
            timeout=timeout_seconds, verify=_trusted(),
        )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise meaning(type(error))(f"{url}: {error or type(error).__name__}") from error
    status = response.status_code
    if status < accepted_below:
        return response
    raise class_of_status(status)(f"{url} answers {status}")


@cache
def _trusted() -> ssl.SSLContext:
    """Read once what httpx reads for each request: that takes ten times as long as the request."""
    return httpx.create_ssl_context()


def fetch_json(url: str, *, timeout_seconds: float) -> dict[str, Any]:
    """Ask a server for a JSON object, as `fetch` does; RefusedError if the answer is none."""
    return json_object(fetch(url, timeout_seconds=timeout_seconds))


def basic_authorization(login: str) -> dict[str, str]:
    """Return the header that authenticates ``USER:PASSWORD``."""
    return {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Read the JSON object of an answer; RefusedError if it is none.

    The answer may come from something else that listens at the address of the server.
    """
    try:
        content = response.json()
    except ValueError as error:
        raise RefusedError(f"{response.url} does not answer with JSON.") from error
    if not isinstance(content, dict):
        raise RefusedError(f"{response.url} does not answer with a JSON object.")
    return content


def meaning(error: type[Exception]) -> type[SentimentError]:
    """Look up what an error of httpx means: RefusedError if the table does not know it."""
    found = (HTTP_ERRORS[cls] for cls in error.__mro__ if cls in HTTP_ERRORS)
    return next(found, RefusedError)
