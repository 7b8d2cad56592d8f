"""Reviews from a file of the user's own."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import SourceName
from sentiment_train.data.dataset import parse_dataset, read_data_file


class CsvSource:
    """A CSV file with the columns ``text`` and ``label``.

    It is read once, so that checksum and reviews are of the same content.
    """

    name: ClassVar[SourceName] = "csv"
    origin: ClassVar[str] = "a file of the user's own"
    licence: ClassVar[str] = "not recorded: that of the file's owner"

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def create(cls, *, cache: Path, csv_path: Path | None) -> Self:  # noqa: ARG003, D102 - as in the protocol
        if csv_path is None:
            raise DataError(
                "The source csv needs a file: name one with "
                "`sentiment-cli prepare-data --source csv --input FILE`."
            )
        return cls(csv_path)

    @cached_property
    def _content(self) -> bytes:
        if not self._path.exists():
            raise DataError(
                f"No input file {self._path}: correct --input, which names your own CSV file."
            )
        return read_data_file(self._path)

    @property
    def description(self) -> str:
        """The file's name."""
        return f"CSV file {self._path.name}"

    @property
    def input_sha256(self) -> str | None:
        """Checksum of the file."""
        return hashlib.sha256(self._content).hexdigest()

    def load(self) -> pd.DataFrame:
        """Read and check the file as `sentiment_train.data.dataset.load_dataset` does."""
        return parse_dataset(self._content, self._path)
