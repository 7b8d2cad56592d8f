"""Downloads a file once: resumed after a broken connection, checked, and kept."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from sentiment_core.errors import DataError

_ATTEMPTS: Final = 5
_CHUNK_BYTES: Final = 1 << 18
_TIMEOUT_SECONDS: Final = 30.0


def download(url: str, target: Path, *, sha256: str, retry_seconds: float = 1.0) -> Path:
    """Fetch a file unless it is already there, and check it.

    An interrupted download continues where it stopped, also in a later process.

    Parameters
    ----------
    url : str
        HTTP address.
    target : Path
        Where the finished file goes; nothing is there before it is complete and checked.
    sha256 : str
        Expected checksum, in hex.
    retry_seconds : float, default 1
        Pause after the first broken connection; doubles with each.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    DataError
        If the server refuses, stays unreachable, or sends a file with another checksum.
    """
    if target.is_file() and _sha256(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(_ATTEMPTS):
        try:
            _fetch(url, part)
            break
        except httpx.TransportError as error:
            if attempt == _ATTEMPTS - 1:
                raise DataError(
                    f"Cannot download {url} ({error or type(error).__name__}) after {_ATTEMPTS} "
                    "tries. Run the command again: it continues where it stopped."
                ) from error
            time.sleep(retry_seconds * 2**attempt)
    actual = _sha256(part)
    if actual != sha256:
        part.unlink()
        raise DataError(
            f"{url} sent a file with the SHA-256 {actual}, not {sha256}. It was deleted; try again."
        )
    return part.replace(target)


def _fetch(url: str, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with httpx.stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_SECONDS
    ) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is whole already; the checksum decides
        if response.is_error:
            raise DataError(f"{url} answered {response.status_code} {response.reason_phrase}.")
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file, _progress(part.stem, total) as advance:
            advance(done)
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                file.write(chunk)
                advance(len(chunk))


class _Advance:
    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        self._progress, self._task = progress, progress.add_task(name, total=total)

    def __call__(self, n_bytes: int) -> None:
        self._progress.advance(self._task, n_bytes)


@contextmanager
def _progress(name: str, total: int | None) -> Iterator[_Advance]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        yield _Advance(progress, name, total)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
