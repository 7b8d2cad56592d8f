"""The model that is judged, beside the one that serves, in the folder of a model package.

What serves may be fitted on all rows. Its figures, and every comparison with another version, are
those of the model that was fitted on the training rows alone, which lies beside it. Beside either
stand the rows that it was fitted on.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sentiment_core.scorer import LinearScorer

TRAINING_ROWS_FILE: Final = "training_rows.npy"
JUDGED_FILE: Final = "judged_scorer.bin"
JUDGED_ROWS_FILE: Final = "judged_rows.npy"

Rows = NDArray[np.uint64]


def write_training_rows(package: Path, fingerprints: Rows) -> None:
    """Write the fingerprints of the labelled reviews that what serves was fitted on.

    They are what `sentiment_train.data.dataset.text_fingerprints` returns.
    """
    _write(package / TRAINING_ROWS_FILE, fingerprints)


def read_training_rows(package: Path) -> Rows | None:
    """Read the fingerprints of the labelled reviews that what serves was fitted on.

    They are None if they are not known.

    Raises
    ------
    OSError
        If they are there and cannot be read.
    """
    return _read(package / TRAINING_ROWS_FILE)


def write_judged(package: Path, judged: LinearScorer, fingerprints: Rows) -> None:
    """Write the judged model, and the rows that it was fitted on, beside the one that serves."""
    judged.save(package / JUDGED_FILE)
    _write(package / JUDGED_ROWS_FILE, fingerprints)


def read_judged(package: Path, served: LinearScorer) -> tuple[LinearScorer, Rows | None]:
    """Read the judged model and the rows that it was fitted on, as far as they are known.

    Where there is none beside the one that serves, it is that one.

    Raises
    ------
    ScorerError
        If it is damaged.
    OSError
        If it is there and cannot be read.
    """
    if not (package / JUDGED_FILE).exists():
        return served, read_training_rows(package)
    return LinearScorer.load(package / JUDGED_FILE), _read(package / JUDGED_ROWS_FILE)


def _write(path: Path, fingerprints: Rows) -> None:
    np.save(path, np.unique(fingerprints), allow_pickle=False)


def _read(path: Path) -> Rows | None:
    try:
        rows: Rows = np.load(path, allow_pickle=False)
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return rows
