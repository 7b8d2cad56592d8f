"""Room on a disk, taken before it is needed."""

import os
from typing import Final

_BLOCK: Final = bytes(1 << 16)


def reserve_space(descriptor: int, size: int) -> None:
    """Make a file at least so long, with room on the disk for all of it; its content stays.

    Parameters
    ----------
    descriptor : int
        A file that is open for writing.
    size : int
        Bytes.

    Raises
    ------
    OSError
        If there is not so much room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    # macOS has no such call. A hole that the file has already stays one.
    while (end := os.fstat(descriptor).st_size) < size:
        os.pwrite(descriptor, _BLOCK[: size - end], end)
