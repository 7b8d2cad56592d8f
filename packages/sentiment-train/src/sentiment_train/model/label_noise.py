"""Reviews whose label is probably wrong: a model of the others contradicts it surely."""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.calibration import stratified_folds
from sentiment_core.errors import DataError
from sentiment_core.labels import SENTIMENTS, Sentiment
from sentiment_core.params import Params
from sentiment_train.model.fitting import fit_scorer

FOLDS: Final = 5


class Suspect(NamedTuple):
    """A review whose label is probably wrong."""

    row: int
    label: Sentiment
    probably: Sentiment
    probability: float
    """Of the other label."""
    text: str


def find_suspects(frame: pd.DataFrame, params: Params) -> list[Suspect]:
    """Find labels that a model of all other reviews contradicts, the surest first.

    Parameters
    ----------
    frame : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label`` (0 or 1). Row 1 is the first.
    params : Params
        Of the models, one for each of five folds.

    Raises
    ------
    DataError
        If a class has too few reviews for a cross-validation.

    References
    ----------
    Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset
    Labels", section 3.1: a label is suspected if the probability of the other class reaches the
    mean of those that bear it.
    """
    labels = frame["label"].to_numpy()
    folds = stratified_folds(labels, FOLDS)
    if not folds:
        raise DataError("Too few reviews to look for wrong labels: it takes two of each class.")
    positive = np.empty(len(labels))
    for seen, unseen in folds:
        scorer = fit_scorer(frame.iloc[seen], params)
        positive[unseen] = scorer.predict_proba(frame["text"].iloc[unseen].tolist())[:, 1]
    return _suspects(frame, labels, positive)


def _suspects(
    frame: pd.DataFrame, labels: NDArray[np.int_], positive: NDArray[np.float64]
) -> list[Suspect]:
    of_class = np.stack([1 - positive, positive], axis=1)
    usual = np.array([of_class[labels == label, label].mean() for label in (0, 1)])
    other = 1 - labels
    of_other = of_class[np.arange(len(labels)), other]
    rows = np.flatnonzero((of_other >= usual[other]) & (of_other > of_class.min(axis=1)))
    return [
        Suspect(
            row + 1, SENTIMENTS[labels[row]], SENTIMENTS[other[row]], float(of_other[row]),
            frame["text"].iloc[row],
        )
        for row in rows[np.argsort(-of_other[rows], kind="stable")].tolist()
    ]  # fmt: skip
