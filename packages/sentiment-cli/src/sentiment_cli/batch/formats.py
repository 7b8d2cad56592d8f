"""Which format a file has, by the ending of its name."""

from pathlib import PurePath
from typing import Final, Literal, NamedTuple

from sentiment_core.errors import DataError, InputError

Kind = Literal["csv", "jsonl", "parquet"]
Compression = Literal["gzip", "zstd"]

_KINDS: Final[dict[str, Kind]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_COMPRESSIONS: Final[dict[str, Compression]] = {".gz": "gzip", ".zst": "zstd"}


class Format(NamedTuple):
    """How rows stand in a file."""

    kind: Kind
    compression: Compression | None = None
    separator: str = ","
    """That of a CSV file that is written; one that is read says it itself."""


def format_of(name: str) -> Format:
    """Read the format from the name of a file.

    Raises
    ------
    InputError
        If its ending is none of those that are known.
    """
    path = PurePath(name)
    compression = _COMPRESSIONS.get(path.suffix.lower())
    ending = (path.with_suffix("") if compression else path).suffix.lower()
    kind = _KINDS.get(ending)
    if kind is None or (kind == "parquet" and compression):
        raise InputError(
            f"{name}: name a file .csv, .tsv, .jsonl or .parquet; the first three also with .gz or "
            ".zst behind."
        )
    return Format(kind, compression, "\t" if ending == ".tsv" else ",")


def has_format(name: str) -> bool:
    """Say whether the name of a file tells its format."""
    try:
        format_of(name)
    except InputError:
        return False
    return True


def missing_library(what: str) -> DataError:
    """Say which library reads and writes Parquet and Zstandard."""
    return DataError(
        f"{what} needs pyarrow: install sentiment-cli[hub] (`./sentiment uv sync --inexact --extra "
        "hub` in the project's folder)."
    )
