"""The files in which several workers keep their metrics, on a disk that may be full.

The metrics library maps files into memory for which the disk has no room yet: where there is none
later, the first write ends the process. Here the room is taken before a file is mapped. Where there
is none, a worker goes on counting in memory, and only it shows those figures.
"""

import logging
import os
from typing import Final

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from sentiment_core.disk_space import reserve_space

logger = logging.getLogger(__name__)

_FIRST_BYTES: Final = 1 << 16


class ReservedMetricFile(MmapedDict):
    """A file of the library's whose room is reserved."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            try:
                _reserve(filename, _FIRST_BYTES)
            except OSError as error:
                filename = _memory_instead(error)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        # Exactly when the library is about to double the file, which then has the room already.
        if self._used + _entry_bytes(key) > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        capacity = self._capacity * 2
        try:
            reserve_space(self._f.fileno(), capacity)
        except OSError as error:
            content = self._m[:]
            self._f = open(_memory_instead(error), "a+b")  # noqa: PTH123, SIM115 - kept open
            self._f.truncate(capacity)
            os.pwrite(self._f.fileno(), content, 0)


def reserve_metric_files() -> None:
    """Let the metrics library take room for its files first; call it before anything is counted."""
    values.MmapedDict = ReservedMetricFile  # type: ignore[attr-defined]


def _entry_bytes(key: str) -> int:
    length = 4 + len(key.encode())
    return length + 8 - length % 8 + 16  # padded, then a value and a time


def _reserve(filename: str, size: int) -> None:
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        reserve_space(descriptor, size)
    except OSError:
        os.unlink(filename)  # noqa: PTH108 - an empty one would be read as damaged
        raise
    finally:
        os.close(descriptor)


def _memory_instead(error: OSError) -> str:
    """Open a file in memory, and say so."""
    if not hasattr(os, "memfd_create"):
        raise error
    logger.warning(
        "the common metrics have no room (%s): what this worker counts from now on is shown only "
        "where it is asked itself", error.strerror or error,
    )  # fmt: skip
    return f"/proc/self/fd/{os.memfd_create('sentiment-metrics')}"
