"""Reviews from a file of the user's own."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import ColumnParams, SourceName
from sentiment_train.data.column_advice import render_options
from sentiment_train.data.dataset import parse_dataset, read_data_file
from sentiment_train.data.sources.base import SourceOptions


class CsvSource:
    """A file of texts and labels, read as `sentiment_train.data.dataset.load_dataset` does.

    It is read once, so that checksum and reviews are of the same content.
    """

    name: ClassVar[SourceName] = "csv"
    origin: ClassVar[str] = "a file of the user's own"
    licence: ClassVar[str] = "not recorded: that of the file's owner"

    def __init__(self, path: Path, columns: ColumnParams | None = None) -> None:
        self._path, self._columns = path, columns

    @classmethod
    def create(cls, options: SourceOptions) -> Self:  # noqa: D102 - as in the protocol
        if options.csv_path is None:
            raise DataError(
                "The source csv needs a file: name one with "
                "`sentiment-cli prepare-data --source csv --input FILE`."
            )
        return cls(options.csv_path, options.columns)

    @cached_property
    def _content(self) -> bytes:
        if not self._path.exists():
            raise DataError(
                f"No input file {self._path}: correct --input, which names your own file."
            )
        return read_data_file(self._path)

    @property
    def description(self) -> str:
        """The file's name, and how it is read if that is not the usual way."""
        options = render_options(self._columns) if self._columns else ""
        return f"CSV file {self._path.name}" + (f" ({options})" if options else "")

    @property
    def input_sha256(self) -> str | None:
        """Checksum of the file."""
        return hashlib.sha256(self._content).hexdigest()

    def load(self) -> pd.DataFrame:
        """Read and check the file as `sentiment_train.data.dataset.load_dataset` does."""
        return parse_dataset(self._content, self._path, self._columns)
