"""The reproducible split into training and held-out rows."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from sentiment_core.errors import DataError

_PIECE: Final = 50_000


@dataclass(frozen=True)
class Split:
    """Labelled rows, and which of them are held out; no text is on both sides.

    The rows of either side are picked when they are asked for: a large data set is in memory once.
    """

    frame: pd.DataFrame
    fingerprints: NDArray[np.uint64]
    in_test: NDArray[np.bool_]

    @property
    def train(self) -> pd.DataFrame:
        """The rows to learn from."""
        return self._rows(~self.in_test)

    @property
    def test(self) -> pd.DataFrame:
        """The held-out rows."""
        return self._rows(self.in_test)

    def _rows(self, chosen: NDArray[np.bool_]) -> pd.DataFrame:
        # Piece by piece: Arrow copies all of the texts into one piece before it picks from them.
        pieces = [slice(start, start + _PIECE) for start in range(0, len(chosen), _PIECE)]
        parts = [self.frame.iloc[piece][chosen[piece]] for piece in pieces]
        return pd.concat(parts, ignore_index=True)

    @property
    def n_train(self) -> int:
        """How many rows there are to learn from."""
        return int(len(self.in_test) - self.in_test.sum())

    @property
    def n_test(self) -> int:
        """How many rows are held out."""
        return int(self.in_test.sum())

    @property
    def train_fingerprints(self) -> NDArray[np.uint64]:
        """Fingerprints of the rows to learn from."""
        return self.fingerprints[~self.in_test]

    @property
    def test_fingerprints(self) -> NDArray[np.uint64]:
        """Fingerprints of the held-out rows."""
        return self.fingerprints[self.in_test]


def split_dataset(
    frame: pd.DataFrame, fingerprints: NDArray[np.uint64], *, test_size: float, seed: int
) -> Split:
    """Split reviews into stratified training and held-out rows, in the order of the frame.

    Rows whose texts are equal after cleaning stay together, so that no held-out review was seen in
    training.

    Parameters
    ----------
    frame : DataFrame, shape (n_reviews, 2)
        As returned by `load_dataset`.
    fingerprints : array of uint64, shape (n_reviews,)
        What `text_fingerprints` returns for its texts.
    test_size : float in (0, 1)
        Share of the distinct texts to hold out.
    seed : int
        The same seed and rows give the same split.

    Raises
    ------
    DataError
        If there are too few reviews of a class to have both on each side.
    """
    unique, first = np.unique(fingerprints, return_index=True)
    try:
        _, held_out = train_test_split(
            unique,
            test_size=test_size,
            random_state=seed,
            stratify=frame["label"].to_numpy()[first],
        )
    except ValueError as error:
        raise DataError(
            f"Cannot split {len(frame)} reviews ({len(unique)} distinct) with data.test_size "
            f"{test_size}: {error}. Add reviews or change data.test_size."
        ) from error
    return Split(frame, fingerprints, np.isin(fingerprints, held_out))
