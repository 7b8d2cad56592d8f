"""Tells whether the process of a training still lives.

It holds a lock file in SENTIMENT_HOME for as long as it does, and its runs in MLflow and Prefect
carry the file's name. A lock that is free tells for sure that its holder is dead, across process
ids, containers and restarts of the machine. Of runs whose file is elsewhere nothing is known: they
are left alone for a week.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

_PATIENCE: Final = timedelta(days=7)


class LivingProcess:
    """What stands for this process in the tags of its runs."""

    def __init__(self, home: Path, token: str) -> None:
        self.token = token
        self._folder = home / "running"

    def why_dead(self, token: str | None, started: datetime) -> str | None:
        """Say why the process of a run is dead; None if it lives, or may live.

        Parameters
        ----------
        token : str or None
            That of the run's process, if it has one.
        started : datetime
            When the run began.
        """
        path = self._folder / f"{token}.lock"
        if token == self.token:
            return None
        if token and path.is_file():
            return "its process was killed" if _is_free(path) else None
        if datetime.now(UTC) - started > _PATIENCE:
            return f"it has run for more than {_PATIENCE.days} days"
        return None


@contextmanager
def living_process(home: Path) -> Iterator[LivingProcess]:
    """Let others see that this process lives, until the end of the block or of the process."""
    process = LivingProcess(home, secrets.token_hex(8))
    path = home / "running" / f"{process.token}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_the_long_dead(path.parent)
    with FileLock(path):
        try:
            yield process
        finally:
            path.unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            return True
    except Timeout:
        return False


def _forget_the_long_dead(folder: Path) -> None:
    """Remove the files of the dead whose runs have been ended since, on each server."""
    for path in folder.glob("*.lock"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _PATIENCE.total_seconds() and _is_free(path):
                path.unlink()
