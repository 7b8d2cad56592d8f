"""Records of the prediction log on their way: lines that are written together."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Protocol


@dataclass(frozen=True)
class Batch:
    """Lines that never change any more, so that a second attempt writes what the first one did.

    Attributes
    ----------
    begun : float
        When the oldest record was made, in seconds since 1970.
    records : int
        Number of lines.
    content : bytes
        The lines.
    """

    begun: float
    records: int
    content: bytes

    @property
    def name(self) -> str:
        """A name that only this content has."""
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        return f"{datetime.fromtimestamp(self.begun, UTC):%Y-%m-%d-%H%M%S}-{digest}"


class Outcome(Enum):
    """Where a batch is."""

    WRITTEN = auto()
    SPOOLED = auto()


class Destination(Protocol):
    """Where batches go."""

    def write(self, batch: Batch) -> Outcome:
        """Put a batch where it outlives this process.

        Raises
        ------
        OSError, SentimentError
            If that is not possible now.
        """
