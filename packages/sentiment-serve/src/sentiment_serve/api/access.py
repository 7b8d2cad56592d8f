"""Who may ask, and how often: keys with scopes, and a limit for each key or address.

Installed only where one of both is set, so that an open API does not pay for them.
"""

import ipaddress
import re
import time
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment_core.errors import DeniedError
from sentiment_serve.api.authentication import TokenMissingError
from sentiment_serve.api.problems import PROTOCOL_PREFIX, error_response
from sentiment_serve.api.state import KEY_STATE
from sentiment_serve.api_keys import ApiKey, KeyRing
from sentiment_serve.api_keys import Scope as KeyScope
from sentiment_serve.metrics import ServeMetrics

SCOPE_OF_ROUTE: Final[dict[str, KeyScope]] = {
    "/predict": "predict",
    "/predict/batch": "predict",
    "/explain": "predict",
    "/feedback": "feedback",
}
"""What a key needs for a route; /admin is asked for by its own routes, all others are open."""

SCOPE_OF_INFERENCE: Final[KeyScope] = "predict"
INFERENCE_ROUTES: Final = (
    f"{PROTOCOL_PREFIX}/models/{{name}}/infer",
    f"{PROTOCOL_PREFIX}/models/{{name}}/versions/{{version}}/infer",
)
"""Those of the Open Inference Protocol need it too, whatever name and version stand in them."""

_INFERENCE: Final = re.compile(
    "|".join(re.sub(r"\{\w+\}", "[^/]+", route) for route in INFERENCE_ROUTES)
)

_IPV6_NETWORK: Final = 64


class TooManyRequestsError(DeniedError):
    """A client has asked more often than it may."""

    code = "too-many-requests"


class AccessMiddleware:
    """Lets requests pass that bring a key, and are not too many.

    Parameters
    ----------
    keys : KeyRing or None
        None: nobody needs a key.
    limit : str or None
        Such as ``50/second``, for each name of a key, or each address without one; None: no limit.
        Each worker counts for itself.
    """

    def __init__(
        self, app: ASGIApp, *, keys: KeyRing | None, limit: str | None, metrics: ServeMetrics
    ) -> None:
        self._app = app
        self._keys = keys
        self._limit = RateLimit(limit) if limit else None
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        key = self._key_of(request)
        scope["state"][KEY_STATE] = key
        needed = needed_scope(scope["path"])
        if needed is None or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        if self._keys and (key is None or needed not in key.scopes):
            await error_response(request, _refusal(request, key, needed))(scope, receive, send)
            return
        if key:
            self._metrics.requests_by_key.labels(key.name, needed).inc()
        if self._limit is None:
            await self._app(scope, receive, send)
            return
        allowed, headers = self._limit.take(_who(request, key))

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        if allowed:
            await self._app(scope, receive, send_with_limit)
            return
        error = TooManyRequestsError(f"More than {self._limit.text} is not allowed: wait a moment.")
        await error_response(request, error)(scope, receive, send_with_limit)

    def _key_of(self, request: Request) -> ApiKey | None:
        token = bearer_token(request)
        return self._keys.find(token) if self._keys and token else None


def needed_scope(path: str) -> KeyScope | None:
    """Return what a key needs for a path; None if nobody needs a key for it."""
    scope = SCOPE_OF_ROUTE.get(path)
    if scope is None and _INFERENCE.fullmatch(path):
        return SCOPE_OF_INFERENCE
    return scope


class RateLimit:
    """A limit that slides with time, for any number of clients.

    A client that stops asking is forgotten when its window ends.

    Raises
    ------
    ValueError
        If the text is no limit.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._item: RateLimitItem = parse(text)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, who: str) -> tuple[bool, dict[str, str]]:
        """Count a request, and say whether it may pass and what its answer tells of the limit.

        The headers are those of draft-ietf-httpapi-ratelimit-headers-10.
        """
        allowed = self._limiter.hit(self._item, who)
        reset, remaining = self._limiter.get_window_stats(self._item, who)
        seconds = max(1, round(reset - time.time()))
        headers = {
            "RateLimit-Policy": f'"default";q={self._item.amount};w={self._item.get_expiry()}',
            "RateLimit": f'"default";r={max(0, remaining)};t={seconds}',
        }
        if not allowed:
            headers["Retry-After"] = str(seconds)
        return allowed, headers


def bearer_token(request: Request) -> str | None:
    """Return what stands behind ``Authorization: Bearer``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _refusal(request: Request, key: ApiKey | None, needed: KeyScope) -> DeniedError:
    if key is not None:
        return DeniedError(f"The key {key.name} is not for {needed}.")
    if bearer_token(request) is None:
        return TokenMissingError("This needs a key: send it as `Authorization: Bearer KEY`.")
    return TokenMissingError("This key is not known.")


def _who(request: Request, key: ApiKey | None) -> str:
    if key:
        return f"key {key.name}"
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if address.version == 4:
        return f"address {address}"
    # One subscriber has a whole network of them.
    return f"address {ipaddress.ip_network((address, _IPV6_NETWORK), strict=False)}"
