"""Files that appear whole or not at all, and that a power cut does not take back."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PART_PREFIX: Final = ".part-"
"""Files with this prefix are unfinished; a process that died may leave one."""

ABSENCE: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What reading a file raises where there is none. Any other OSError says nothing of the file."""

ORDINARY_MODE: Final = 0o666

_ABANDONED_SECONDS: Final = 3600.0


def write_atomically(path: Path, content: bytes, *, mode: int = ORDINARY_MODE) -> None:
    """Write a file; readers see the old content or the new, never a part.

    Parameters
    ----------
    path : Path
        The file, which is replaced; its folder is created.
    content : bytes
        The whole file.
    mode : int, default 0o666
        Its permissions, from the first byte on, less those that the process withholds.

    Raises
    ------
    OSError
        If it cannot be written; an older file is then untouched.
    """
    with replacing(path, mode=mode) as part:
        part.write_bytes(content)


@contextmanager
def replacing(path: Path, *, mode: int = ORDINARY_MODE) -> Iterator[Path]:
    """Write a file under a name of its own, which replaces the old file at the end.

    Parameters
    ----------
    path : Path
        The file, which is replaced; its folder is created.
    mode : int, default 0o666
        As in `write_atomically`.

    Yields
    ------
    Path
        An empty file beside `path`. It is deleted if the block fails.

    Raises
    ------
    OSError
        If it cannot be written; an older file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A random name: containers that share a volume may share process ids.
    part = path.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}")
    part.touch(mode, exist_ok=False)
    try:
        yield part
        _flush(part)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    # The name is in the folder, which is flushed by itself; not every file system can.
    with suppress(OSError):
        _flush(path.parent)


def remove_abandoned_parts(folder: Path, *, older_than: float = _ABANDONED_SECONDS) -> None:
    """Delete what writers that died have left in a folder; nothing happens where that fails.

    Parameters
    ----------
    folder : Path
        The folder; those in it are not looked into.
    older_than : float, default 3600
        Seconds since the last write. A writer that lives writes more often.
    """
    oldest = time.time() - older_than
    with suppress(OSError):
        for part in folder.glob(f"{PART_PREFIX}*"):
            with suppress(OSError):
                if part.stat().st_mtime < oldest:
                    part.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
