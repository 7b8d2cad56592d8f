"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PART_PREFIX: Final = ".part-"
"""Files with this prefix are unfinished; a process that died may leave one."""

ORDINARY_MODE: Final = 0o666


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
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
