"""What became of each record of the prediction log."""

import threading

from sentiment_serve.metrics import PredictionLogMetrics


class Ledger:
    """Counts each record once when it is accepted, and once when its fate is known.

    So at any moment: accepted = written + lost + spooled + held in memory. The metrics follow all
    at once, when a fate becomes known or `publish` is called; counting them one by one would be
    most of what a record costs a request.
    """

    def __init__(self, metrics: PredictionLogMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._accepted = 0
        self._published = 0
        self._held = 0
        self._ended = False

    @property
    def held(self) -> int:
        """How many records are in memory alone."""
        return self._held

    def accept(self) -> int:
        """Take a record in; returns its number, from 1."""
        with self._lock:
            self._accepted += 1
            self._held += 1
            number = self._accepted
        if self._ended:
            self.end()
        return number

    def spooled(self, records: int) -> None:
        """Note records that lie in the spool now; whoever takes them out counts them."""
        with self._lock:
            self._settle(records)

    def written(self, records: int) -> None:
        """Count records that are where they belong."""
        with self._lock:
            self._metrics.written.inc(self._settle(records))

    def lost(self, reason: str, records: int = 1) -> None:
        """Count records that will never be written."""
        with self._lock:
            self._metrics.lost.labels(reason).inc(self._settle(records))

    def publish(self) -> None:
        """Bring the metrics up to date."""
        with self._lock:
            self._settle(0)

    def end(self) -> int:
        """Count what is still held as lost, and likewise all that comes later."""
        with self._lock:
            left = self._settle(self._held)
            self._ended = True
            if left:
                self._metrics.lost.labels("shutdown").inc(left)
            return left

    def _settle(self, records: int) -> int:
        """Let go of records; returns how many of them were not counted as lost before."""
        records = min(records, self._held)
        self._held -= records
        self._metrics.accepted.inc(self._accepted - self._published)
        self._published = self._accepted
        self._metrics.waiting.set(self._held)
        return records
