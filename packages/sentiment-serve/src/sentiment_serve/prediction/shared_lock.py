"""A lock among the workers of a machine, also among those in several containers."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PAUSE_SECONDS: Final = 0.002


class SharedLock:
    """Held by one thread of one process at a time; a process that dies lets go of it.

    Parameters
    ----------
    path : Path
        An empty file that all of them share; it is created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()

    @contextmanager
    def held(self, timeout: float) -> Iterator[None]:
        """Hold the lock for a while.

        Raises
        ------
        TimeoutError
            If somebody else holds it for longer than `timeout` seconds.
        OSError
            If the file cannot be created.
        """
        deadline = time.monotonic() + timeout
        if not self._threads.acquire(timeout=max(timeout, 0)):
            raise TimeoutError(f"{self._path} is held by another thread")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._lock(file, deadline)
                yield
            finally:
                os.close(file)
        finally:
            self._threads.release()

    def _lock(self, file: int, deadline: float) -> None:
        # Asked again and again: a wait in the kernel for a stopped process has no end.
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{self._path} is held by another process") from None
                time.sleep(_PAUSE_SECONDS)
            else:
                return
