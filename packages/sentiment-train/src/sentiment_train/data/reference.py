"""The rows that a promotion is decided on, where they are not a candidate's own."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.errors import DataError
from sentiment_core.labels import SENTIMENTS
from sentiment_core.params import ColumnParams
from sentiment_train.data.dataset import load_dataset, text_fingerprints


def load_reference(
    path: Path, columns: ColumnParams | None, trained_on: NDArray[np.uint64] | None
) -> tuple[pd.DataFrame, NDArray[np.uint64]]:
    """Read a fixed set of labelled reviews, without those that a candidate was trained on.

    Parameters
    ----------
    path : Path
        As `sentiment_train.data.dataset.load_dataset` reads it.
    columns : ColumnParams or None
        Those of the training data; a file with the columns text,label is read as it is.
    trained_on : array of uint64 or None
        `text_fingerprints` of the candidate's training rows, if they are known.

    Returns
    -------
    rows : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label``.
    fingerprints : array of uint64, shape (n_reviews,)
        Of their texts.

    Raises
    ------
    DataError
        If the file cannot be read, or if not both classes are left.
    """
    frame = _read(path, columns)
    fingerprints = text_fingerprints(frame["text"])
    unseen = ~np.isin(fingerprints, trained_on if trained_on is not None else [])
    rows = frame[unseen].reset_index(drop=True)
    if rows["label"].nunique() < len(SENTIMENTS):
        raise DataError(
            f"Of {len(frame)} reviews in {path} (promotion.reference) this model was trained on "
            f"{len(frame) - len(rows)}, and not both classes are among the others: keep the "
            "reference set apart from the training data."
        )
    return rows, fingerprints[unseen]


def _read(path: Path, columns: ColumnParams | None) -> pd.DataFrame:
    try:
        return load_dataset(path)
    except DataError:
        if columns is None:
            raise
    return load_dataset(path, columns)
