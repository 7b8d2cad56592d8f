"""Tables of reviews in the formats that teams have: CSV, JSON lines, Parquet and Excel."""

import codecs
import io
import shlex
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sentiment_core.errors import DataError
from sentiment_train.data.csv_strings import read_strings
from sentiment_train.data.separators import find_separator

JSON_LINES: Final = frozenset({".jsonl", ".ndjson"})
PARQUET: Final = frozenset({".parquet"})
EXCEL: Final = frozenset({".xlsx"})
FORMATS: Final = frozenset({".csv", ".tsv", ".txt"}) | JSON_LINES | PARQUET | EXCEL
"""Endings of files that hold tables; a file with any other ending is read as CSV."""

_ZIP_SIGNATURE: Final = b"PK\x03\x04"
_QUOTE: Final = "Write a text with commas, quotes or line breaks in double quotes."
_LONGEST_HEADER: Final = 1 << 16
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_table(
    content: bytes,
    path: Path,
    *columns: str,
    separator: str | None = None,
    header: bool = True,
) -> pd.DataFrame:
    """Read the content of a file; its ending says how.

    Parameters
    ----------
    content : bytes
        The whole file.
    path : Path
        Its name, in messages too.
    *columns : str
        Columns that are expected: the separator of a CSV file is the one that finds them.
    separator : str, optional
        That of a CSV file, if it is known.
    header : bool, default True
        Whether the first line of a CSV file names the columns; they are numbered otherwise.

    Returns
    -------
    DataFrame
        Every value a string as it is written, a missing one the empty string. Whole numbers have no
        decimal point.

    Raises
    ------
    DataError
        If it is empty, cannot be read as what its ending says, or needs a library that is missing.
    """
    ending = path.suffix.lower()
    if not content.strip():
        raise DataError(
            f"{path} is empty: write a header that names text and label, and one review a row."
        )
    if ending in PARQUET | EXCEL:
        return _as_strings(_read_binary(content, path))
    if content.startswith(_ZIP_SIGNATURE):
        raise DataError(
            f"{path} is a spreadsheet or an archive, not CSV: name a spreadsheet .xlsx, save it as "
            "CSV UTF-8, or unpack the archive."
        )
    if ending in JSON_LINES:
        return _as_strings(_read_json_lines(_decode(content, path), path))
    return _read_csv(content, path, separator or _find_separator(content, columns), header)


def _decode(content: bytes, path: Path) -> str:
    """Decode UTF-8, or UTF-16 that begins with its mark; DataError names a line of anything else.

    `path` is the name of the file in messages.
    """
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        target = path.with_stem(f"{path.stem}_utf8")
        raise DataError(
            f"{path} is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}. Save the "
            "file as UTF-8; if it is WINDOWS-1252: "
            f"iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(target))}"
        ) from error


def _encoding(content: bytes) -> str:
    return "utf-16" if content.startswith(_UTF16) else "utf-8-sig"


def _find_separator(content: bytes, columns: tuple[str, ...]) -> str:
    beginning = content[:_LONGEST_HEADER].decode(_encoding(content), "replace")
    first = beginning.lstrip("\r\n").partition("\n")[0].rstrip("\r")
    return find_separator(first, columns)


def _read_csv(content: bytes, path: Path, separator: str, header: bool) -> pd.DataFrame:
    try:
        return read_strings(content, _encoding(content), separator, header=header)
    except UnicodeDecodeError:
        _decode(content, path)  # says where
        raise
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} is not valid CSV: {str(error).strip()}. {_QUOTE}") from error


def _read_json_lines(text: str, path: Path) -> pd.DataFrame:
    try:
        # Nothing is taken for a number that is not written as one.
        return pd.read_json(io.StringIO(text), lines=True, dtype=False)
    except ValueError as error:
        raise DataError(
            f"{path} is not JSON lines: {error}. Write one object with the columns as names each "
            "line."
        ) from error


def _read_binary(content: bytes, path: Path) -> pd.DataFrame:
    read, kind, extra = (
        (pd.read_parquet, "a Parquet file", "hub")
        if path.suffix.lower() in PARQUET
        else (pd.read_excel, "a spreadsheet", "excel")
    )
    try:
        return read(io.BytesIO(content))
    except ImportError as error:
        raise DataError(
            f"{path} is {kind}, which needs a library that is missing: install "
            f"sentiment-train[{extra}] (`./sentiment uv sync --inexact --extra {extra}` in the "
            "project's folder), or save it as CSV."
        ) from error
    except Exception as error:  # the libraries have errors of their own, of many kinds
        raise DataError(
            f"{path} is not {kind} that can be read: {str(error).strip()[:200]}."
        ) from error


def _as_strings(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({str(name): frame[name].map(_as_string) for name in frame.columns})


def _as_string(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)
