"""Labelled reviews in a CSV file: reading, checking, fingerprinting."""

import codecs
import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.cleaning import clean_text
from sentiment_core.errors import DataError
from sentiment_train.data.csv_advice import advise
from sentiment_train.data.csv_strings import read_strings

COLUMNS: Final = ("text", "label")
_ROWS_SHOWN: Final = 5
_ZIP_SIGNATURE: Final = b"PK\x03\x04"
_QUOTE: Final = "Write a text with commas, quotes or line breaks in double quotes."


def load_dataset(path: Path) -> pd.DataFrame:
    """Read and check a CSV file of labelled reviews.

    Parameters
    ----------
    path : Path
        UTF-8 CSV file with the columns ``text`` and ``label`` (0 negative, 1 positive). Other
        columns are ignored.

    Returns
    -------
    DataFrame, shape (n_reviews, 2)
        Columns ``text`` (str) and ``label`` (int64), in the order of the file.

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8, not CSV, lacks a column, or if rows have other
        labels, blank texts or only one class. Row 1 is the first review below the header.
    """
    return parse_dataset(read_data_file(path), path)


def read_data_file(path: Path) -> bytes:
    """Read a data file whole; DataError if it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"No data file {path}: make one with `sentiment-cli prepare-data --output {path}`, or "
            "name your own file."
        ) from None
    except OSError as error:
        raise DataError(f"Cannot read the data file {path}: {error.strerror}.") from error


def parse_dataset(content: bytes, path: Path) -> pd.DataFrame:
    """Check the content of a data file that was read already, as `load_dataset` does.

    `path` is the name of the file in messages.
    """
    text = _decode(path, content)
    try:
        return _check(path, _read_csv(path, text))
    except DataError as error:
        advice = advise(path, text)
        if advice is None:
            raise
        raise DataError(f"{error} {advice}") from error


def _check(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise DataError(
            f"{path} lacks the column {' and '.join(missing)}: the header must name text and label,"
            f" but it names {', '.join(map(str, frame.columns))}."
        )
    if frame.empty:
        raise DataError(
            f"{path} has a header but no reviews: add rows with a text and a label of 0 or 1."
        )
    labels = frame["label"].str.strip()
    wrong = ~labels.isin(["0", "1"])
    _refuse_rows(path, wrong, "a label other than 0 or 1", "Correct them", labels)
    _refuse_rows(path, frame["text"].str.strip() == "", "a blank text", "Fill or delete them")
    result = pd.DataFrame({"text": frame["text"], "label": labels.astype("int64")})
    if result["label"].nunique() == 1:
        raise DataError(
            f"{path} has only the label {result['label'].iloc[0]}: training needs reviews of both "
            "classes (0 and 1)."
        )
    return result


def text_fingerprints(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Hash each text after cleaning, to recognise it later without keeping it.

    Returns
    -------
    array of uint64, shape (n,)
        First 64 bits of the SHA-256 of the clean text.
    """
    digests = b"".join(
        hashlib.sha256(clean_text(text).encode("utf-8")).digest()[:8] for text in texts
    )
    return np.frombuffer(digests, dtype="<u8")


def _decode(path: Path, content: bytes) -> str:
    if not content.strip():
        raise DataError(
            f"{path} is empty: write a header that names text and label, and one review a row."
        )
    if content.startswith(_ZIP_SIGNATURE):
        raise DataError(
            f"{path} is a spreadsheet or an archive, not CSV: save it as CSV UTF-8, or unpack it."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        seems = "UTF-16" if utf16 else "WINDOWS-1252"
        line = content[: error.start].count(b"\n") + 1
        target = path.with_stem(f"{path.stem}_utf8")
        raise DataError(
            f"{path} is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}. Save the "
            f"file as UTF-8; if it is {seems}: "
            f"iconv -f {seems} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(target))}"
        ) from error


def _read_csv(path: Path, content: str) -> pd.DataFrame:
    try:
        return read_strings(content)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} is not valid CSV: {str(error).strip()}. {_QUOTE}") from error


def _refuse_rows(
    path: Path,
    wrong: "pd.Series[bool]",
    what: str,
    cure: str,
    values: "pd.Series[str] | None" = None,
) -> None:
    positions = np.flatnonzero(wrong.to_numpy())
    if not len(positions):
        return
    rows = [
        f"{position + 1}" if values is None else f"{position + 1} ({values.iloc[position]!r})"
        for position in positions[:_ROWS_SHOWN]
    ]
    more = f" and {len(positions) - _ROWS_SHOWN} more" if len(positions) > _ROWS_SHOWN else ""
    noun = "row" if len(positions) == 1 else "rows"
    raise DataError(
        f"{path} has {what} in {noun} {', '.join(rows)}{more}. {cure} "
        "(row 1 is the first below the header)."
    )
