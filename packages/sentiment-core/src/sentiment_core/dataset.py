"""Labelled reviews in a CSV file: reading, checking, fingerprinting."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.cleaning import clean_text
from sentiment_core.errors import DataError

COLUMNS: Final = ("text", "label")
_ROWS_SHOWN: Final = 5


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
    frame = _read_csv(path, _read_utf8(path))
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise DataError(
            f"{path} lacks the column {' and '.join(missing)}: the header must name text and label,"
            f" but it names {', '.join(map(str, frame.columns))}."
        )
    if frame.empty:
        raise DataError(f"{path} has a header but no reviews.")
    labels = frame["label"].str.strip()
    _refuse_rows(path, ~labels.isin(["0", "1"]), "a label other than 0 or 1", labels)
    _refuse_rows(path, frame["text"].str.strip() == "", "a blank text")
    result = pd.DataFrame({"text": frame["text"], "label": labels.astype("int64")})
    if result["label"].nunique() == 1:
        raise DataError(
            f"{path} has only the label {result['label'].iloc[0]}: training needs reviews of both "
            "classes (0 and 1)."
        )
    return result


def text_fingerprints(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Hash each text after cleaning, to recognise it later without keeping it.

    Parameters
    ----------
    texts : iterable of str, length n
        Raw reviews.

    Returns
    -------
    array of uint64, shape (n,)
        First 64 bits of the SHA-256 of the clean text.
    """
    digests = b"".join(
        hashlib.sha256(clean_text(text).encode("utf-8")).digest()[:8] for text in texts
    )
    return np.frombuffer(digests, dtype="<u8")


def _read_utf8(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"No data file {path}: make one with `sentiment-cli prepare-data`."
        ) from None
    except OSError as error:
        raise DataError(f"Cannot read the data file {path}: {error.strerror}.") from error
    if not content.strip():
        raise DataError(f"{path} is empty.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}. "
            "Save the file as UTF-8."
        ) from error


def _read_csv(path: Path, content: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} is not valid CSV: {str(error).strip()}.") from error


def _refuse_rows(
    path: Path, wrong: "pd.Series[bool]", what: str, values: "pd.Series[str] | None" = None
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
    raise DataError(f"{path} has {what} in {noun} {', '.join(rows)}{more}.")
