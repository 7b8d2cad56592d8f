"""Figures of a classifier on held-out reviews."""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics

from sentiment_core.labels import DECISION_THRESHOLD
from sentiment_core.params import MetricName

LOWER_IS_BETTER: Final[frozenset[MetricName]] = frozenset({"log_loss", "brier"})


@dataclass(frozen=True)
class Evaluation:
    """Quality of the predicted probabilities; the positive class is 1."""

    accuracy: float
    f1: float
    precision: float
    recall: float
    roc_auc: float
    log_loss: float
    brier: float
    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    def metrics(self) -> dict[MetricName, float]:
        """Return the named figures without the counts, as MLflow and ``metrics.json`` have them."""
        counts = {"true_negatives", "false_positives", "false_negatives", "true_positives"}
        return {name: value for name, value in asdict(self).items() if name not in counts}  # type: ignore[misc]

    def confusion_matrix(self) -> list[list[int]]:
        """Return the counts, rows being true and columns predicted classes (0, 1).

        Returns
        -------
        list of list of int, shape (2, 2)
            ``[[true_negatives, false_positives], [false_negatives, true_positives]]``.
        """
        return [
            [self.true_negatives, self.false_positives],
            [self.false_negatives, self.true_positives],
        ]


def evaluate(labels: ArrayLike, probabilities: ArrayLike) -> Evaluation:
    """Compare predicted probabilities with true labels, at the threshold 0.5 where one is needed.

    Parameters
    ----------
    labels : array-like of int, shape (n_samples,)
        0 or 1; both must occur.
    probabilities : array-like of float in [0, 1], shape (n_samples,)
        Predicted probability of class 1.

    Raises
    ------
    ValueError
        If the lengths differ or a class is absent.
    """
    true, predicted = np.asarray(labels), np.asarray(probabilities, dtype=float)
    if true.shape != predicted.shape or set(np.unique(true)) != {0, 1}:
        raise ValueError("Evaluation needs one probability per label, and labels of both classes.")
    decided = (predicted >= DECISION_THRESHOLD).astype(int)
    matrix = metrics.confusion_matrix(true, decided, labels=[0, 1])
    return Evaluation(
        accuracy=float(metrics.accuracy_score(true, decided)),
        f1=float(metrics.f1_score(true, decided, zero_division=0)),
        precision=float(metrics.precision_score(true, decided, zero_division=0)),
        recall=float(metrics.recall_score(true, decided, zero_division=0)),
        roc_auc=float(metrics.roc_auc_score(true, predicted)),
        log_loss=float(metrics.log_loss(true, predicted, labels=[0, 1])),
        brier=float(metrics.brier_score_loss(true, predicted)),
        true_negatives=int(matrix[0, 0]),
        false_positives=int(matrix[0, 1]),
        false_negatives=int(matrix[1, 0]),
        true_positives=int(matrix[1, 1]),
    )


def is_better(candidate: float, champion: float, metric: MetricName, min_gain: float = 0.0) -> bool:
    """Say whether a figure is better than another on the same rows; a tie is not better.

    Log loss and Brier score are better when lower. Where `min_gain` is positive, a figure has to
    be better by as much.

    Examples
    --------
    >>> is_better(0.30, 0.35, "log_loss"), is_better(0.9, 0.9, "f1")
    (True, False)
    """
    gain = champion - candidate if metric in LOWER_IS_BETTER else candidate - champion
    return gain > 0 and gain >= min_gain
