"""An HTTP load from one process: keep-alive connections, each with one request under way."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
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
        deadline: float,
        done: asyncio.Future[None],
    ) -> None:
        self._requests, self._numbers, self._load = requests, numbers, load
        self._deadline, self._done = deadline, done
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def _send(self) -> None:
        self._start = time.perf_counter()
        if self._start >= self._deadline:
            self._done.set_result(None)
            self._transport.close()
            return
        self._transport.write(self._requests[next(self._numbers) % len(self._requests)])

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


def run_load(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Load:
    """Send the requests over and over for some seconds."""

    async def run() -> Load:
        loop = asyncio.get_running_loop()
        load, numbers = Load(seconds), count()
        deadline = time.perf_counter() + seconds
        ends = [loop.create_future() for _ in range(connections)]
        for end in ends:
            connection = partial(_Connection, requests, numbers, load, deadline, end)
            await loop.create_connection(connection, "127.0.0.1", port)
        await asyncio.gather(*ends)
        return load

    return uvloop.run(run())
