"""CSV read as it is written: every value a string, no value taken for the name of its row."""

import csv
import io
import warnings
from typing import Final, TextIO

import pandas as pd

_MAX_COLUMNS: Final = 500
"""Reviews have two; each one more costs pandas a millisecond."""

_ROWS_AT_ONCE: Final = 20_000


def read_strings(
    content: bytes, encoding: str, separator: str = ",", *, header: bool = True
) -> pd.DataFrame:
    """Read the content of a CSV file.

    Parameters
    ----------
    content : bytes
        The whole file. It is decoded and read in pieces: the text of a large one is never in memory
        beside its rows.
    encoding : str
        Its encoding.
    separator : str, default ","
        What stands between two values.
    header : bool, default True
        Whether the first line names the columns; they are numbered otherwise.

    Returns
    -------
    DataFrame
        Strings; an empty value is the empty string.

    Raises
    ------
    pandas.errors.EmptyDataError
        If nothing is there to read.
    pandas.errors.ParserError
        If it is not CSV, has more than 500 columns, or has a row with more values than the first
        line.
    UnicodeDecodeError
        If it has another encoding.
    """
    file = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
    if _count_columns(file, separator) > _MAX_COLUMNS:
        raise pd.errors.ParserError(f"it has more than {_MAX_COLUMNS} columns")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            with pd.read_csv(
                file,
                chunksize=_ROWS_AT_ONCE,
                sep=separator,
                dtype=str,
                keep_default_na=False,
                header=0 if header else None,
                index_col=False,  # else the first of too many values are moved to an index
            ) as pieces:
                frames: list[pd.DataFrame] = list(pieces)
    except pd.errors.ParserWarning as error:
        raise pd.errors.ParserError("rows have more values than the header") from error
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _count_columns(file: TextIO, separator: str) -> int:
    try:
        rows = csv.reader(file, delimiter=separator)
        return len(next(filter(None, rows), []))
    except csv.Error:  # a first value of more than 128 KiB: pandas reads it
        return 0
