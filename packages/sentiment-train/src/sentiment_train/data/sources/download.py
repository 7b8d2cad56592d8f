"""Downloads a file once: resumed after a broken connection, checked, and kept."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from sentiment_core.errors import DataError, UnreachableError
from sentiment_train.http_errors import mapped_http_errors
from sentiment_train.progress import progress

_ATTEMPTS: Final = 5
_CHUNK_BYTES: Final = 1 << 18
_TIMEOUT_SECONDS: Final = 30.0


def download(
    url: str, target: Path, *, sha256: str, otherwise: str = "", retry_seconds: float = 1.0
) -> Path:
    """Fetch a file unless it is already there, and check it.

    An interrupted download continues where it stopped, also in a later process.

    Parameters
    ----------
    target : Path
        Where the finished file goes; nothing is there before it is complete and checked.
    sha256 : str
        Expected checksum, in hex.
    otherwise : str, optional
        What else the user can do, to end the message of an error.
    retry_seconds : float, default 1
        Pause after the first broken connection; doubles with each.

    Raises
    ------
    UnreachableError
        If the server stays unreachable.
    NotFoundError, DeniedError, RefusedError
        If it does not give the file.
    DataError
        If it sends a file with another checksum.
    """
    if target.is_file() and _sha256(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with progress(f"Downloading {target.name}") as show_detail:
        for attempt in range(_ATTEMPTS):
            try:
                with mapped_http_errors(otherwise):
                    _fetch(url, part, show_detail)
                break
            except UnreachableError as error:
                if attempt == _ATTEMPTS - 1:
                    raise UnreachableError(
                        f"Download after {_ATTEMPTS} tries: {error} Run the command again: it "
                        "continues where it stopped."
                    ) from error
                pause = retry_seconds * 2**attempt
                show_detail(f"{error.__cause__}; trying again in {pause:.0f} s")
                time.sleep(pause)
    actual = _sha256(part)
    if actual != sha256:
        part.unlink()
        raise DataError(
            f"{url} sent a file with the SHA-256 {actual}, not {sha256}. It was deleted; try again."
        )
    return part.replace(target)


def _fetch(url: str, part: Path, show_detail: Callable[[str], None]) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with httpx.stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_SECONDS
    ) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is whole already; the checksum decides
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                show_detail(_amount(done, total))


def _amount(done: int, total: int | None) -> str:
    if not total:
        return f"{done / 1e6:.1f} MB"
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB ({done / total:.0%})"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
