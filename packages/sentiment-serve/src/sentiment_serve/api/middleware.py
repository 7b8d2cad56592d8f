"""What surrounds every request: its id, the limit of its body, its metrics and its log line."""

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment_serve.api.problems import unexpected_problem
from sentiment_serve.api.state import KEY_STATE
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.process.draining import ConnectionDraining

logger = logging.getLogger("sentiment_serve.access")

REQUEST_ID_HEADER: Final = b"x-request-id"
_VALID_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET_ROUTES: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class RequestMiddleware:
    """Runs once around each request.

    Parameters
    ----------
    max_body_bytes : int
        Longer bodies are refused while they arrive.
    body_timeout : float
        Seconds; bodies that take longer to arrive are refused.
    access_log : bool
        Whether to log each request (never the health checks).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ServeMetrics,
        draining: ConnectionDraining,
        max_body_bytes: int,
        body_timeout: float,
        access_log: bool,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining
        self._max_body_bytes = max_body_bytes
        self._body_timeout = body_timeout
        self._access_log = access_log
        self._ids = _random_ids()
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _id_of_client(scope) or next(self._ids)
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((REQUEST_ID_HEADER, request_id))
                if self._draining.active:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, self._limited(receive), send_with_id)
        except Exception:
            logger.exception("an unexpected error", extra={"request_id": request_id.decode()})
            if status:  # the answer has begun, and cannot become another
                raise
            await unexpected_problem(Request(scope))(scope, receive, send_with_id)
        finally:
            self._observe(scope, status or 500, time.perf_counter() - start)

    def _limited(self, receive: Receive) -> Receive:
        received = 0
        complete = False
        deadline = asyncio.get_running_loop().time() + self._body_timeout

        async def receive_limited() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, f"The body took longer than {self._body_timeout:g} seconds to arrive."
                ) from None
            complete = not message.get("more_body", False)
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._max_body_bytes:
                    raise HTTPException(
                        413, f"The body is longer than {self._max_body_bytes} bytes."
                    )
            return message

        return receive_limited

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        key = (scope["method"], route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._metrics.requests.labels(scope["method"], route, status),
                self._metrics.latency.labels(route),
            )
        children[0].inc()
        children[1].observe(seconds)
        if self._access_log and route not in _QUIET_ROUTES:
            extra = {"request_id": scope["state"]["request_id"], "milliseconds": seconds * 1e3}
            if key_of_client := scope["state"].get(KEY_STATE):
                extra["key"] = key_of_client.name
            logger.info("%s %s %d", scope["method"], route, status, extra=extra)


def _id_of_client(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _VALID_ID.fullmatch(value):
            return bytes(value)
    return None


def _random_ids() -> Iterator[bytes]:
    """Make ids that nobody can guess; many at once, for each call into the system costs."""
    while True:
        digits = os.urandom(16 * 256).hex().encode()
        for start in range(0, len(digits), 32):
            yield digits[start : start + 32]
