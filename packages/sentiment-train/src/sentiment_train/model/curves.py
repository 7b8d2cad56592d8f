"""A model's scores on held-out rows, and their curves as tables, which DVC and others plot."""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from sentiment_core.labels import DECISION_THRESHOLD, SENTIMENTS
from sentiment_train.model.evaluation import Evaluation, evaluate

_CALIBRATION_BINS: Final = 10
_MAX_POINTS: Final = 200
_DIGITS: Final = 6


@dataclass(frozen=True)
class HeldOutScores:
    """What a model says of held-out rows; what follows from it is computed once."""

    scorer_digest: str
    labels: NDArray[np.int_]
    probabilities: NDArray[np.float64]
    """Probability of the positive class, for each row."""

    @cached_property
    def evaluation(self) -> Evaluation:
        """All metrics."""
        return evaluate(self.labels, self.probabilities)

    @cached_property
    def roc(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """False and true positive rates."""
        false_positive_rate, true_positive_rate, _ = roc_curve(self.labels, self.probabilities)
        return false_positive_rate, true_positive_rate

    @cached_property
    def precision_recall(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Recalls and precisions."""
        precision, recall, _ = precision_recall_curve(self.labels, self.probabilities)
        return recall, precision

    @cached_property
    def calibration(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predicted probabilities and observed shares, in bins."""
        observed, predicted = calibration_curve(
            self.labels, self.probabilities, n_bins=_CALIBRATION_BINS
        )
        return predicted, observed


def write_curves(folder: Path, scores: HeldOutScores) -> None:
    """Write ROC, precision-recall and calibration curve and the classes of each held-out row.

    The folder is created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    false_positive_rate, true_positive_rate = scores.roc
    _write_points(folder / "roc.json", fpr=false_positive_rate, tpr=true_positive_rate)
    recall, precision = scores.precision_recall
    _write_points(folder / "precision_recall.json", recall=recall, precision=precision)
    predicted, observed = scores.calibration
    _write_points(folder / "calibration.json", predicted=predicted, observed=observed)
    with (folder / "confusion.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["actual", "predicted"])
        decided = (scores.probabilities >= DECISION_THRESHOLD).astype(int)
        for actual, guess in zip(scores.labels, decided, strict=True):
            writer.writerow([SENTIMENTS[actual], SENTIMENTS[guess]])


def _write_points(path: Path, **columns: NDArray[np.float64]) -> None:
    length = len(next(iter(columns.values())))
    kept = np.unique(np.linspace(0, length - 1, min(length, _MAX_POINTS)).round().astype(int))
    points = [
        {name: round(float(values[position]), _DIGITS) for name, values in columns.items()}
        for position in kept
    ]
    path.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
