"""The interface of every source of reviews."""

from typing import Protocol

import pandas as pd


class ReviewSource(Protocol):
    """A place that labelled reviews come from."""

    @property
    def description(self) -> str:
        """What the source is, with its version or file, for the record of provenance."""
        ...

    def load(self) -> pd.DataFrame:
        """Return all reviews.

        Returns
        -------
        DataFrame, shape (n_reviews, 2)
            Columns ``text`` (str) and ``label`` (0 or 1), in a fixed order.

        Raises
        ------
        DataError
            If the reviews cannot be had; the message says what to do.
        """
        ...
