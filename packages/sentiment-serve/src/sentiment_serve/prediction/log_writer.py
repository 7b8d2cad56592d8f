"""Renders the records of the prediction log, gathers them and writes them, whatever happens."""

import logging
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from sentiment_serve.prediction.background import BoundedQueue
from sentiment_serve.prediction.log_batch import Batch, Destination, Outcome
from sentiment_serve.prediction.log_ledger import Ledger
from sentiment_serve.prediction.log_records import Entry
from sentiment_serve.prediction.retry import Retry

logger = logging.getLogger(__name__)

BATCH_RECORDS: Final = 1000
_BATCH_BYTES: Final = 4 << 20
_IDLE_SECONDS: Final = 1.0


class LogWriter:
    """Takes records from a queue and brings them to a destination, in batches.

    A batch that cannot be written is tried again until it is, and meanwhile the queue fills: it is
    the one place where records wait, so its bounds are those of the whole log.

    Parameters
    ----------
    queue : BoundedQueue
        Where requests put records.
    render : callable
        Makes a line of a record.
    destination : Destination
        Where batches go.
    ledger : Ledger
        Learns what became of each record.
    failures : Counter
        Counts failed attempts to write.
    interval : float
        Seconds that a record waits for others at most.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        queue: BoundedQueue[Entry],
        render: Callable[[Entry], bytes],
        destination: Destination,
        ledger: Ledger,
        failures: Counter,
        *,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._render = render
        self._destination = destination
        self._ledger = ledger
        self._failures = failures
        self._interval = interval
        self._clock = clock
        self._retry = Retry("the prediction log cannot be written", clock)
        self._lines: list[bytes] = []
        self._bytes = 0
        self._begun = 0.0
        self._due = 0.0
        self._batch: Batch | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left to write."""
        return not (self._queue or self._lines or self._batch)

    @property
    def is_blocked(self) -> bool:
        """Whether a batch waits for its next attempt, and all other records for it."""
        return self._batch is not None

    def step(self, *, flush: bool = False) -> None:
        """Take what waits, and write a batch if one is due; with `flush`, it always is."""
        if self._batch is None:
            self._gather()
            if self._lines and (flush or self._is_full() or self._clock() >= self._due):
                self._freeze()
        if self._batch and (flush or self._retry.is_due):
            self._deliver(self._batch)

    def seconds_to_next(self) -> float:
        """Say how long nothing has to be done if no record comes."""
        if self._batch:
            return self._retry.seconds
        return self._due - self._clock() if self._lines else _IDLE_SECONDS

    def _is_full(self) -> bool:
        return len(self._lines) >= BATCH_RECORDS or self._bytes >= _BATCH_BYTES

    def _gather(self) -> None:
        while not self._is_full():
            entry = self._queue.take()
            if entry is None:
                return
            try:
                line = self._render(entry)
            except Exception:
                self._ledger.lost("error")
                logger.exception("a record of the prediction log cannot be rendered")
                continue
            if not self._lines:
                self._begun, self._due = entry.time, self._clock() + self._interval
            self._lines.append(line)
            self._bytes += len(line)

    def _freeze(self) -> None:
        self._batch = Batch(self._begun, len(self._lines), b"".join(self._lines))
        self._lines, self._bytes = [], 0

    def _deliver(self, batch: Batch) -> None:
        try:
            outcome = self._destination.write(batch)
        except Exception as error:  # noqa: BLE001 - the retry logs it
            self._failures.inc()
            self._retry.failed(error)
            return
        self._retry.succeeded()
        self._batch = None
        if outcome is Outcome.SPOOLED:
            self._ledger.spooled(batch.records)
        else:
            self._ledger.written(batch.records)
