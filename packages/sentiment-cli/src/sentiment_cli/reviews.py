"""Reviews from the command line, from files and from standard input."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sentiment_core.errors import DataError

STANDARD_INPUT: Final = "-"
"""Stands for standard input among reviews and among files."""


def read_reviews(texts: Iterable[str], files: Iterable[Path]) -> list[str]:
    """Collect reviews; a file, and standard input, holds one each line.

    A text or a file may be `STANDARD_INPUT`. The order is kept, and empty lines are left out.

    Raises
    ------
    DataError
        If an input cannot be read, is not UTF-8 or holds no review.
    """
    reviews: list[str] = []
    for text in texts:
        reviews += _standard_input() if text == STANDARD_INPUT else [text]
    for path in files:
        reviews += _standard_input() if str(path) == STANDARD_INPUT else _lines_of_file(path)
    return reviews


def _standard_input() -> list[str]:
    return _lines(sys.stdin.buffer, "standard input")


def _lines_of_file(path: Path) -> list[str]:
    try:
        with path.open("rb") as lines:
            return _lines(lines, str(path))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error


def _lines(source: Iterable[bytes], name: str) -> list[str]:
    from sentiment_core.prediction import is_blank

    texts = []
    for number, line in enumerate(source, 1):
        try:
            texts.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"Line {number} of {name} is not UTF-8: convert it, for example with "
                "`iconv -f latin1 -t utf-8`."
            ) from error
    texts = [text for text in texts if not is_blank(text)]
    if not texts:
        raise DataError(f"There is no review in {name}: write one each line.")
    return texts
