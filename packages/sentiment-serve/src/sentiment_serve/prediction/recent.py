"""Remembers recent predictions by request id, for all workers of a machine.

A fixed table in a memory-mapped file: a request id's hash chooses the slot, and a newer prediction
replaces an older one there. Nothing grows, nothing locks, and a lookup compares the whole hash.
"""

import mmap
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from sentiment_core.labels import SENTIMENTS, Sentiment

_SLOTS: Final = 1 << 16
_SLOT: Final = struct.Struct("<16sBB30s")
_ANSWERED: Final = 1
_FLAG_OFFSET: Final = 17


class RecentPrediction(NamedTuple):
    """What was answered to a request."""

    sentiment: Sentiment
    version: str
    answered: bool


class RecentPredictions:
    """The table, in a file that is created where it is missing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.truncate(_SLOTS * _SLOT.size)
            self._table = mmap.mmap(file.fileno(), _SLOTS * _SLOT.size)

    def remember(self, request_id: str, sentiment: Sentiment, version: str) -> None:
        """Store the answer to a request."""
        key, offset = _locate(request_id)
        label = SENTIMENTS.index(sentiment)
        _SLOT.pack_into(self._table, offset, key, label, 0, version.encode()[:30])

    def find(self, request_id: str) -> RecentPrediction | None:
        """Look an answer up; None if it is not known any more."""
        key, offset = _locate(request_id)
        stored, label, flag, version = _SLOT.unpack_from(self._table, offset)
        if stored != key:
            return None
        return RecentPrediction(
            SENTIMENTS[label], version.rstrip(b"\0").decode(), flag == _ANSWERED
        )

    def mark_answered(self, request_id: str) -> None:
        """Note that the true label of a known request has been received."""
        self._table[_locate(request_id)[1] + _FLAG_OFFSET] = _ANSWERED

    def close(self) -> None:
        """Release the file."""
        self._table.close()


def _locate(request_id: str) -> tuple[bytes, int]:
    key = blake2b(request_id.encode("utf-8", "replace"), digest_size=16).digest()
    return key, int.from_bytes(key[:4], "little") % _SLOTS * _SLOT.size
