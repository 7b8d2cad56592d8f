"""An HTTP load from one process: keep-alive connections, each with one request under way."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import cast

import numpy as np
import uvloop


@dataclass
class Load:
    """What a load saw."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def rate(self) -> float:
        """Answers with the status 200 a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Latency in milliseconds."""
        return float(np.percentile(self.latencies, percent)) * 1e3


class _Connection(asyncio.Protocol):
    _transport: asyncio.Transport

    def __init__(
        self,
        requests: list[bytes],
        numbers: Iterator[int],
        load: Load,
        due: Callable[[int], float],
        deadline: float,
        done: asyncio.Future[None],
    ) -> None:
        self._requests, self._numbers, self._load, self._due = requests, numbers, load, due
        self._deadline, self._done = deadline, done
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def _send(self) -> None:
        number = next(self._numbers)
        self._start = self._due(number)
        if self._start >= self._deadline:
            self._done.set_result(None)
            self._transport.close()
            return
        request = self._requests[number % len(self._requests)]
        delay = self._start - time.perf_counter()
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._transport.write, request)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        start = lower.index(b"content-length: ") + 16
        if len(body) < int(lower[start:].split(b"\r\n", 1)[0]):
            return
        if head.startswith(b"HTTP/1.1 200 "):
            self._load.latencies.append(time.perf_counter() - self._start)
        else:
            self._load.failures += 1
        self._buffer = b""
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._load.failures += 1
            self._done.set_result(None)


def post_requests(path: str, bodies: Sequence[object]) -> list[bytes]:
    """Prepare POST requests with JSON bodies."""
    requests = []
    for body in bodies:
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        requests.append(head.encode() + content)
    return requests


def run_load(
    port: int,
    requests: list[bytes],
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
) -> Load:
    """Send the requests over and over for some seconds.

    With a rate they are due at even distances, and a latency begins when a request is due: what
    waits for a free connection waits for the server.
    """

    async def run() -> Load:
        loop = asyncio.get_running_loop()
        load, numbers = Load(seconds), count()
        begin = time.perf_counter()
        deadline = begin + seconds

        def due(number: int) -> float:
            return time.perf_counter() if rate is None else begin + number / rate

        ends = [loop.create_future() for _ in range(connections)]
        for end in ends:
            connection = partial(_Connection, requests, numbers, load, due, deadline, end)
            await loop.create_connection(connection, "127.0.0.1", port)
        await asyncio.gather(*ends)
        return load

    return uvloop.run(run())
