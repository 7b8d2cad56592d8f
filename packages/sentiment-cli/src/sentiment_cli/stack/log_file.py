"""The log that all parts of a stack in the background write into: of bounded size."""

import contextlib
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from sentiment_cli.settings import StackSettings

_OLDER_FILES: Final = 1


def log_file(settings: StackSettings) -> Path:
    """Name the newest file; the one before it ends in ``.1``."""
    return settings.folder / "stack.log"


class RotatingLog(RotatingFileHandler):
    """A text file to print into, whose lines move to an older file when there are many.

    What the disk does not take is left out: a full one stops no part of the stack.

    Parameters
    ----------
    path : Path
        The newest file.
    max_bytes : int
        Bytes of all files together.
    """

    terminator = ""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(
            path, maxBytes=max_bytes // (1 + _OLDER_FILES), backupCount=_OLDER_FILES,
            encoding="utf-8", errors="replace",
        )  # fmt: skip

    def write(self, text: str) -> None:
        """Add text, which may end a line or not."""
        self.emit(logging.makeLogRecord({"msg": text}))

    def flush(self) -> None:
        """Hand everything to the disk that it takes."""
        with contextlib.suppress(OSError):
            super().flush()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Go on without a record that the disk refuses; any other failure is one of this code."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
