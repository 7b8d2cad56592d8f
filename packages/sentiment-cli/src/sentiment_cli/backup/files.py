"""Files of a backup: hashed while they are read, and on the disk before anything names them."""

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class FileDigest:
    """What identifies the content of a file."""

    size: int
    sha256: str
    md5: str
    """What most stores call the ETag of an object that came in one part."""


class _Hasher:
    def __init__(self) -> None:
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._sha256.update(chunk)
        self._md5.update(chunk)

    def digest(self) -> FileDigest:
        return FileDigest(self._size, self._sha256.hexdigest(), self._md5.hexdigest())


def digest_of_chunks(chunks: Iterable[bytes]) -> FileDigest:
    """Hash what comes in pieces."""
    hasher = _Hasher()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.digest()


def digest_of_file(path: Path) -> FileDigest:
    """Hash a file of any size."""
    with path.open("rb") as file:
        return digest_of_chunks(iter(lambda: file.read(CHUNK_BYTES), b""))


def store_by_content(chunks: Iterable[bytes], folder: Path) -> FileDigest:
    """Write a file that is called by its SHA-256, see `content_path`; an equal one stays."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{secrets.token_hex(8)}"
    hasher = _Hasher()
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                hasher.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        digest = hasher.digest()
        target = content_path(folder, digest.sha256)
        target.parent.mkdir(exist_ok=True)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return digest


def content_path(folder: Path, sha256: str) -> Path:
    """Name the file that holds the content with this SHA-256."""
    return folder / sha256[:2] / sha256


def write_durably(path: Path, content: bytes) -> None:
    """Write a small file to the disk, not only to the system's memory."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
