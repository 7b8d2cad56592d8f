"""Remembers recent predictions by request id, for all workers of a machine, over restarts.

A fixed table in one file: a request id's hash chooses the slot, and a newer prediction replaces an
older one there. Nothing grows, and a lookup compares the whole hash.

The file is written by calls and never mapped into memory: a full disk, or somebody who cuts the
file, would end a process that has mapped it. What the disk does not take, this worker alone
remembers, so that its own clients can still send their labels.
"""

import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from sentiment_core.disk_space import reserve_space
from sentiment_core.errors import NotReadyError
from sentiment_core.labels import SENTIMENTS, Sentiment

logger = logging.getLogger(__name__)

_SLOTS: Final = 1 << 16
# 64 bytes, so that no slot crosses a page.
_SLOT: Final = struct.Struct("<16sBB46s")
_TABLE_BYTES: Final = _SLOTS * _SLOT.size
_EMPTY: Final = bytes(_SLOT.size)
_ANSWERED: Final = 1
_LOCK_TRIES: Final = 50
_LOCK_PAUSE_SECONDS: Final = 0.002


class RecentPrediction(NamedTuple):
    """What was answered to a request."""

    sentiment: Sentiment
    version: str
    answered: bool


class RecentPredictions:
    """The table, in a file that is created where it is missing; in memory where it cannot be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: bytearray | None = None
        self._lock = threading.Lock()
        self._file: int | None = None
        self._trouble = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            if os.fstat(self._file).st_size > _TABLE_BYTES:
                os.ftruncate(self._file, _TABLE_BYTES)
            # So that a disk that fills up later has room for it already.
            reserve_space(self._file, _TABLE_BYTES)
        except OSError as error:
            self._complain(error)

    def remember(self, request_id: str, sentiment: Sentiment, version: str) -> None:
        """Store the answer to a request."""
        key, offset = _locate(request_id)
        label = SENTIMENTS.index(sentiment)
        self._write(offset, _SLOT.pack(key, label, 0, version.encode("utf-8", "replace")[:46]))

    def find(self, request_id: str) -> RecentPrediction | None:
        """Look an answer up; None if it is not known any more."""
        key, offset = _locate(request_id)
        slot = self._read(key, offset)
        if slot is None:
            return None
        _, label, flag, version = slot
        name = version.rstrip(b"\0").decode("utf-8", "ignore")
        return RecentPrediction(SENTIMENTS[label], name, flag == _ANSWERED)

    def mark_answered(self, request_id: str) -> bool:
        """Note that the true label of a request has been received.

        Returns
        -------
        bool
            True for one caller alone, in whichever worker; False if it was noted before, or if
            the request is not known.

        Raises
        ------
        NotReadyError
            If another worker holds the table for long.
        """
        key, offset = _locate(request_id)
        with self._alone():
            slot = self._read(key, offset)
            if slot is None or slot[2] == _ANSWERED:
                return False
            self._write(offset, _SLOT.pack(key, slot[1], _ANSWERED, slot[3]))
        return True

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self, key: bytes, offset: int) -> tuple[bytes, int, int, bytes] | None:
        content = b""
        if self._file is not None:
            with suppress(OSError):
                content = os.pread(self._file, _SLOT.size, offset)
        own = self._own[offset : offset + _SLOT.size] if self._own else b""
        for slot in (own, content):
            if slot[: len(key)] == key and len(slot) == _SLOT.size:
                found: tuple[bytes, int, int, bytes] = _SLOT.unpack(slot)
                if found[1] < len(SENTIMENTS):
                    return found
        return None

    def _write(self, offset: int, slot: bytes) -> None:
        try:
            if self._file is not None:
                os.pwrite(self._file, slot, offset)
                slot = _EMPTY
        except OSError as error:
            self._complain(error)
        if slot is not _EMPTY and self._own is None:
            self._own = bytearray(_TABLE_BYTES)
        if self._own is not None:
            self._own[offset : offset + _SLOT.size] = slot

    def _complain(self, error: OSError) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            logger.warning(
                "recent predictions cannot be written to %s (%s): until they can, feedback is "
                "taken only by the worker that answered", self._path, error.strerror or error,
            )  # fmt: skip

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and workers from marking; one that hangs keeps nobody for long."""
        with self._lock:
            locked = self._file is not None and self._try_lock(self._file)
            try:
                yield
            finally:
                if locked and self._file is not None:
                    fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try_lock(self, file: int) -> bool:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_SECONDS)
            except OSError:  # a file system without locks
                return False
            else:
                return True
        raise NotReadyError("Another label is being received; send it again.")


def _locate(request_id: str) -> tuple[bytes, int]:
    key = blake2b(request_id.encode("utf-8", "replace"), digest_size=16).digest()
    return key, int.from_bytes(key[:4], "little") % _SLOTS * _SLOT.size
