"""Reviews from a file of the user's own."""

from pathlib import Path

import pandas as pd

from sentiment_core.dataset import load_dataset


class CsvSource:
    """A CSV file with the columns ``text`` and ``label``.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def description(self) -> str:
        """The file's name."""
        return f"CSV file {self._path.name}"

    def load(self) -> pd.DataFrame:
        """Read and check the file.

        Returns
        -------
        DataFrame, shape (n_reviews, 2)
            Columns ``text`` and ``label``.

        Raises
        ------
        DataError
            As `sentiment_core.dataset.load_dataset`.
        """
        return load_dataset(self._path)
