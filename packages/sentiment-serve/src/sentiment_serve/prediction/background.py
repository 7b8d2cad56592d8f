"""Work beside the requests: a bounded queue and one thread. It never slows or fails a request."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from prometheus_client import Counter

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
_STOP_TIMEOUT_SECONDS: Final = 10.0


class BackgroundWorker(Generic[Item]):
    """Handles items in the order of their arrival; drops and counts what does not fit.

    Parameters
    ----------
    name : str
        Name of the thread.
    handle : callable
        Takes an item, or None when the queue has been empty for `idle_seconds`.
    capacity : int
        Most items that wait.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Item | None], None],
        dropped: Counter,
        *,
        capacity: int = 10_000,
        idle_seconds: float = 1.0,
    ) -> None:
        self._handle = handle
        self._dropped = dropped
        self._idle_seconds = idle_seconds
        self._queue: queue.Queue[Item] = queue.Queue(capacity)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to handle items."""
        self._thread.start()

    def submit(self, item: Item) -> None:
        """Queue an item, or drop it if the queue is full."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._dropped.inc()

    def stop(self) -> None:
        """Handle what waits, then end."""
        self._stopping.set()
        self._thread.join(_STOP_TIMEOUT_SECONDS)

    def _run(self) -> None:
        while True:
            try:
                item: Item | None = self._queue.get(timeout=self._idle_seconds)
            except queue.Empty:
                item = None
            try:
                self._handle(item)
            except Exception:
                self._dropped.inc()
                logger.exception("background work failed")
            if item is None and self._stopping.is_set():
                return
