"""Clients that never stop asking, and what they were answered."""

import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx


class Predictions:
    """Asks an API for predictions, as fast as it answers, from some threads."""

    def __init__(self, url, n_threads=4):
        self._url, self._stop = url, threading.Event()
        self.statuses = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(n_threads)]

    def _ask(self):
        while not self._stop.is_set():
            with httpx.Client(base_url=self._url, timeout=60) as client:
                try:
                    while not self._stop.is_set():
                        answer = client.post("/predict", json={"text": "a fine film"})
                        self.statuses[answer.status_code] += 1
                except httpx.TransportError as error:
                    # The worker of this connection has ended.
                    self.statuses[type(error).__name__] += 1
                    time.sleep(0.01)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def counted(self):
        """Count what is answered meanwhile."""
        before, counted = self.statuses.copy(), Counter()
        yield counted
        counted.update(self.statuses - before)


class Operator:
    """Writes through all servers, again and again, and remembers what was acknowledged.

    Parameters
    ----------
    write : callable
        Takes a number and writes something of that number; raises if it is not acknowledged.
    find : callable
        Takes numbers and returns the set of those whose writing is there.
    """

    def __init__(self, write, find):
        self._write, self._find = write, find
        self._stop = threading.Event()
        self._number = 0
        self.acknowledged, self.failures = [], []
        self.last_success = 0.0
        self._thread = threading.Thread(target=self._go_on)

    @property
    def tried(self):
        return len(self.acknowledged) + len(self.failures)

    def _go_on(self):
        while not self._stop.is_set():
            self._number += 1
            try:
                self._write(self._number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it was not acknowledged
                self.failures.append((self._number, error))
                time.sleep(0.1)
            else:
                self.acknowledged.append(self._number)
                self.last_success = time.monotonic()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def lost(self):
        """Count what was acknowledged and is not there."""
        return len(set(self.acknowledged) - self._find(self.acknowledged))
