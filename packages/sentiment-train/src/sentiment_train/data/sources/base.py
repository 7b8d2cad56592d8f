"""The interface of every source of reviews."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Protocol, Self

import pandas as pd

from sentiment_core.params import ColumnParams, SourceName

IMDB_TRAIN_SPLIT: Final = (
    "train split of the Large Movie Review Dataset: 25,000 reviews that users of IMDb wrote "
    "(Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011)"
)
NO_NETWORK_NEEDED: Final = (
    "The source package holds the same reviews and needs no network: --source package, or "
    "data.source in params.yaml."
)


@dataclass(frozen=True)
class SourceOptions:
    """What a command line knows of sources; each takes what it needs.

    Attributes
    ----------
    cache : Path
        Folder of downloads.
    csv_path : Path or None
        A file of the user's own.
    columns : ColumnParams or None
        Where that file holds texts and labels.
    """

    cache: Path
    csv_path: Path | None = None
    columns: ColumnParams | None = None


class ReviewSource(Protocol):
    """A place that labelled reviews come from; the one place that states whose they are."""

    name: ClassVar[SourceName]
    origin: ClassVar[str]
    """Who collected the reviews, from where."""
    licence: ClassVar[str]
    """What is known of the terms under which they may be used."""

    @classmethod
    def create(cls, options: SourceOptions) -> Self:
        """Create the source from what a command line knows; nothing is read or downloaded yet.

        Raises
        ------
        DataError
            If the source needs a file and there is none.
        """
        ...

    @property
    def description(self) -> str:
        """What the source is, with its version or file, for the record of provenance."""
        ...

    @property
    def input_sha256(self) -> str | None:
        """Checksum of a file of the user's own; None if `description` names fixed content."""
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
