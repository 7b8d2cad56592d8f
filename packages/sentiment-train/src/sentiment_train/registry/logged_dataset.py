"""Tells MLflow of the rows that a run used, without its going through all of them one by one."""

import hashlib
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from numpy.typing import NDArray

_SAMPLE_ROWS: Final = 100
_DIGEST_LENGTH: Final = 8  # as MLflow's own


class LoggedDataset(PandasDataset):
    """Some rows of a data file: the schema of a sample, the digest of all texts and labels.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, 2)
        The file's rows, of which the first are the sample.
    fingerprints : array of uint64, shape (n_rows,)
        Of their texts.
    used : array of bool, shape (n_rows,)
        Which of them the run used.
    path : Path
        The data file.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        fingerprints: NDArray[np.uint64],
        used: NDArray[np.bool_],
        path: Path,
    ) -> None:
        labelled = fingerprints[used] << np.uint64(1) | frame["label"].to_numpy(np.uint64)[used]
        digest = hashlib.sha256(np.sort(labelled).tobytes()).hexdigest()[:_DIGEST_LENGTH]
        with warnings.catch_warnings():
            # About a source that MLflow finds twice under the same name.
            warnings.simplefilter("ignore", UserWarning)
            sampled = from_pandas(frame.head(_SAMPLE_ROWS), source=str(path), digest=digest)
        super().__init__(sampled.df, sampled.source, targets="label", name=path.stem, digest=digest)
        self._n_rows = len(labelled)

    @property
    def profile(self) -> dict[str, Any]:
        """How many rows and values there are."""
        return {"num_rows": self._n_rows, "num_elements": self._n_rows * self.df.shape[1]}
