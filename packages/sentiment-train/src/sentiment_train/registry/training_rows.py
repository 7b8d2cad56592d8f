"""Remembers which reviews a model was trained on, as hashes beside the model."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAINING_ROWS_FILE: Final = "training_rows.npy"


def write_training_rows(package: Path, fingerprints: NDArray[np.uint64]) -> None:
    """Write the fingerprints of the training reviews into the folder of a model package.

    They are what `sentiment_train.data.dataset.text_fingerprints` returns.
    """
    np.save(package / TRAINING_ROWS_FILE, np.unique(fingerprints), allow_pickle=False)


def read_training_rows(package: Path) -> NDArray[np.uint64] | None:
    """Read the fingerprints of the reviews that a model was trained on.

    They are None if they are not known.

    Raises
    ------
    OSError
        If they are there and cannot be read.
    """
    try:
        rows: NDArray[np.uint64] = np.load(package / TRAINING_ROWS_FILE, allow_pickle=False)
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return rows
