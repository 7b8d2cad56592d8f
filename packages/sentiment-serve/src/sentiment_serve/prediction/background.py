"""Work beside the requests: a bounded queue and one thread. It never slows or fails a request."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from prometheus_client import Counter

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

MAX_ITEMS: Final = 10_000
MAX_BYTES: Final = 32 << 20
_STOP_TIMEOUT_SECONDS: Final = 2.0
_IDLE_SECONDS: Final = 1.0


class BoundedQueue(Generic[Item]):
    """Items that wait. What does not fit is refused at once: nobody waits for room.

    Parameters
    ----------
    max_items, max_bytes : int
        How much waits at most.
    """

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._lock = threading.Lock()
        self._some = threading.Event()

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._items)

    def put(self, item: Item, size: int) -> bool:
        """Add an item of so many bytes; False if there is no room, or nobody takes any more."""
        with self._lock:
            if (
                self._closed
                or len(self._items) >= self._max_items
                or self._bytes + size > self._max_bytes
            ):
                return False
            self._items.append((item, size))
            self._bytes += size
        if not self._some.is_set():
            self._some.set()
        return True

    def take(self) -> Item | None:
        """Take the oldest item; None if there is none."""
        with self._lock:
            if not self._items:
                self._some.clear()
                return None
            item, size = self._items.popleft()
            self._bytes -= size
            return item

    def wait(self, seconds: float) -> bool:
        """Wait until there may be an item."""
        return self._some.wait(seconds)

    def wake(self) -> None:
        """End a wait although nothing may have come."""
        self._some.set()

    def close(self) -> int:
        """Forget what waits and take nothing more; returns how much that was."""
        with self._lock:
            self._closed = True
            forgotten = len(self._items)
            self._items.clear()
        self._some.set()
        return forgotten


class BackgroundWorker(Generic[Item]):
    """Handles items in the order of their arrival; drops and counts what does not fit.

    Parameters
    ----------
    name : str
        Name of the thread.
    handle : callable
        Takes an item.
    dropped : Counter
        Counts the items that were not handled.
    queue : BoundedQueue
        Where items wait.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Item], None],
        dropped: Counter,
        queue: BoundedQueue[Item],
    ) -> None:
        self._handle = handle
        self._dropped = dropped
        self._queue = queue
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to handle items."""
        self._thread.start()

    def submit(self, item: Item, size: int) -> None:
        """Queue an item of so many bytes, or drop it if there is no room."""
        if not self._queue.put(item, size):
            self._dropped.inc()

    def stop(self, timeout: float = _STOP_TIMEOUT_SECONDS) -> None:
        """Handle what waits, for so many seconds at most; the rest is dropped and counted."""
        self._stopping.set()
        self._queue.wake()
        self._thread.join(timeout)
        self._dropped.inc(self._queue.close())

    def _run(self) -> None:
        while True:
            item = self._queue.take()
            if item is not None:
                self._handle_safely(item)
            elif self._stopping.is_set():
                return
            else:
                self._queue.wait(_IDLE_SECONDS)

    def _handle_safely(self, item: Item) -> None:
        try:
            self._handle(item)
        except Exception:
            self._dropped.inc()
            logger.exception("background work failed")
