"""When to try again what did not succeed."""

import logging
from collections.abc import Callable
from typing import Final

from sentiment_core.errors import SentimentError

logger = logging.getLogger(__name__)

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 30.0


class Retry:
    """Waits that double with each failure, and a log line for each.

    Parameters
    ----------
    what : str
        Beginning of the line.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._wait = 0.0
        self._next = 0.0

    @property
    def seconds(self) -> float:
        """How long to wait yet; 0 if the next attempt is due."""
        return max(self._next - self._clock(), 0.0) if self._wait else 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next attempt."""
        return self.seconds == 0

    def failed(self, error: Exception) -> None:
        """Note a failure."""
        self._wait = min(max(self._wait * 2, _FIRST_SECONDS), _LONGEST_SECONDS)
        self._next = self._clock() + self._wait
        foreseen = isinstance(error, (OSError, SentimentError))
        logger.warning("%s: %s", self._what, error, exc_info=not foreseen)

    def succeeded(self) -> None:
        """Note a success."""
        self._wait = 0.0
