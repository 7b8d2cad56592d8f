"""The prediction log's folders on this machine: complete files only, and a common budget."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sentiment_core.atomic_files import PART_PREFIX, write_atomically
from sentiment_serve.prediction.log_batch import Batch, Outcome
from sentiment_serve.prediction.shared_lock import SharedLock

SUFFIX: Final = ".jsonl"
_LOCK_FILE: Final = ".lock"
_LOCK_SECONDS: Final = 2.0
_BLOCK_BYTES: Final = 4096
_GROWTH_BYTES: Final = 64 << 10
_GROWTH_SECONDS: Final = 3600.0


class _File(NamedTuple):
    changed: int
    path: Path
    size: int


class BoundedFolder:
    """Files that all workers of all starts share; the oldest make room for the newest.

    Parameters
    ----------
    path : Path
        The folder, which is created when something is written.
    max_bytes : int
        Most bytes of all files together, each counted as one block at least.
    on_deleted : callable
        Takes the number of records of each file that had to go.
    """

    def __init__(self, path: Path, max_bytes: int, on_deleted: Callable[[int], None]) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._on_deleted = on_deleted
        self._lock = SharedLock(path / _LOCK_FILE)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep all other writers out."""
        with self._lock.held(_LOCK_SECONDS):
            yield

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file, or nothing; only inside of `writing`.

        Raises
        ------
        OSError
            If it cannot be written; an older file of that name is then untouched.
        """
        self._make_room(len(content), name)
        write_atomically(self.path / name, content)

    def names(self) -> list[str]:
        """List the files by their names."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in self.path.iterdir() if path.suffix == SUFFIX)
        return []

    def _make_room(self, size: int, name: str) -> None:
        files = sorted(self._files(except_for=name))
        total = sum(file.size for file in files) + max(size, _BLOCK_BYTES)
        for file in files:
            if total <= self._max_bytes:
                return
            total -= file.size
            with suppress(FileNotFoundError):  # the spool's sender was faster
                records = file.path.read_bytes().count(b"\n")
                file.path.unlink()
                self._on_deleted(records)

    def _files(self, except_for: str) -> Iterator[_File]:
        with os.scandir(self.path) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith(PART_PREFIX):
                    path.unlink(missing_ok=True)  # of a writer that died: nobody else writes now
                elif entry.name.endswith(SUFFIX) and entry.name != except_for:
                    with suppress(FileNotFoundError):
                        status = path.stat()
                        yield _File(status.st_mtime_ns, path, max(status.st_size, _BLOCK_BYTES))


@dataclass
class _Growing:
    name: str
    content: bytes
    begun: float


class FolderDestination:
    """Files of lines in a folder. A small one grows for a while, by being replaced as a whole.

    Parameters
    ----------
    folder : BoundedFolder
        Where they lie.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, folder: BoundedFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._growing: _Growing | None = None

    def write(self, batch: Batch) -> Outcome:
        """Write a batch, in a file of its own or at the end of a small one."""
        with self._folder.writing():
            file = self._file_for(batch)
            content = file.content + batch.content
            self._folder.write(file.name, content)
            self._growing = _Growing(file.name, content, file.begun)
        return Outcome.WRITTEN

    def _file_for(self, batch: Batch) -> _Growing:
        file = self._growing
        if (
            file
            and len(file.content) + len(batch.content) <= _GROWTH_BYTES
            and self._clock() - file.begun < _GROWTH_SECONDS
            and (self._folder.path / file.name).exists()
        ):
            return file
        return _Growing(f"predictions-{batch.name}{SUFFIX}", b"", self._clock())
