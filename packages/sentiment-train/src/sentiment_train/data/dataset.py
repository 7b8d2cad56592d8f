"""Labelled reviews in a file: reading, checking, fingerprinting."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.cleaning import clean_text
from sentiment_core.errors import DataError
from sentiment_core.labels import SENTIMENTS
from sentiment_core.params import ColumnParams
from sentiment_train.data.column_advice import advise
from sentiment_train.data.tables import read_table

_ROWS_SHOWN: Final = 5
_ROWS_AT_ONCE: Final = 20_000


def load_dataset(
    path: Path, columns: ColumnParams | None = None, *, others: Sequence[str] = ()
) -> pd.DataFrame:
    """Read and check a file of labelled reviews.

    Parameters
    ----------
    path : Path
        A file that `sentiment_train.data.tables.read_table` reads.
    columns : ColumnParams, optional
        Where texts and labels are; none takes ``text`` and ``label`` (0 negative, 1 positive).
    others : sequence of str
        Further columns to keep, as strings, under their names; the rest is ignored.

    Returns
    -------
    DataFrame, shape (n_reviews, 2)
        Columns ``text`` (str) and ``label`` (int64), in the order of the file.

    Raises
    ------
    DataError
        If the file is missing, empty, cannot be read, lacks a column, or if rows have other
        labels, blank texts or only one class. Row 1 is the first review below the header.
    """
    return parse_dataset(read_data_file(path), path, columns, others=others)


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


def parse_dataset(
    content: bytes,
    path: Path,
    columns: ColumnParams | None = None,
    *,
    others: Sequence[str] = (),
) -> pd.DataFrame:
    """Check the content of a data file that was read already, as `load_dataset` does.

    `path` is the name of the file in messages.
    """
    columns = columns or ColumnParams()
    try:
        frame = read_table(content, path, columns.text, columns.label)
        _refuse_missing(path, frame, others)
        return _check(path, frame, columns, others)
    except DataError as error:
        advice = advise(path, content)
        if advice is None:
            raise
        raise DataError(f"{error} {advice}") from error


def _refuse_missing(path: Path, frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path} lacks the column {' and '.join(missing)}: it names "
            f"{', '.join(map(str, frame.columns))}."
        )


def _check(
    path: Path, frame: pd.DataFrame, columns: ColumnParams, others: Sequence[str]
) -> pd.DataFrame:
    missing = [name for name in (columns.text, columns.label) if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path} lacks the column {' and '.join(missing)}: the header must name {columns.text} "
            f"and {columns.label}, but it names {', '.join(map(str, frame.columns))}."
        )
    if frame.empty:
        raise DataError(
            f"{path} has a header but no reviews: add rows with a {columns.text} and a label of "
            f"{_either(columns)}."
        )
    labels = frame[columns.label].str.strip()
    known = [*columns.negative, *columns.positive, *columns.neutral]
    wrong = ~labels.isin(known)
    _refuse_rows(path, wrong, f"a label other than {_either(columns)}", "Correct them", labels)
    judged = ~labels.isin(columns.neutral)
    blank = judged & _is_blank(frame[columns.text])
    _refuse_rows(path, blank, "a blank text", "Fill or delete them")
    if not judged.all():  # a copy, of all texts
        frame, labels = frame[judged], labels[judged]
    result = pd.DataFrame(
        {
            "text": frame[columns.text],
            "label": labels.isin(columns.positive).astype("int64"),
            **{name: frame[name] for name in others},
        }
    ).reset_index(drop=True)
    if result["label"].nunique() < len(SENTIMENTS):
        only = " and ".join(labels.unique()) or "none that is not neutral"
        raise DataError(
            f"{path} has only the label {only}: training needs reviews of both classes "
            f"({_either(columns, 'and')})."
        )
    return result


def _is_blank(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """Find texts of white space; in slices, for each is copied."""
    blank = np.zeros(len(texts), dtype=bool)
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        blank[some] = texts.iloc[some].str.strip() == ""
    return pd.Series(blank, index=texts.index, dtype=bool)


def _either(columns: ColumnParams, word: str = "or") -> str:
    return f" {word} ".join(", ".join(names) for names in (columns.negative, columns.positive))


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
