"""Files that appear whole or not at all."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file; readers see the old content or the new, never a part.

    Parameters
    ----------
    path : Path
        Is replaced; its folder is created.
    content : bytes
        The whole file.
    mode : int, optional
        Who may read it, from its first byte on; the default is what the process gives any file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if mode is not None:
        part.unlink(missing_ok=True)
        part.touch(mode)
    part.write_bytes(content)
    part.replace(path)
