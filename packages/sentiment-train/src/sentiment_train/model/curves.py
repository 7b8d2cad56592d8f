"""The curves of an evaluation as plain tables, which DVC and other tools plot."""

import csv
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from sentiment_core.labels import DECISION_THRESHOLD, SENTIMENTS

CALIBRATION_BINS: Final = 10
_MAX_POINTS: Final = 200
_DIGITS: Final = 6


def write_curves(
    folder: Path, labels: NDArray[np.int_], probabilities: NDArray[np.float64]
) -> None:
    """Write ROC, precision-recall and calibration curve and the classes of each row.

    Parameters
    ----------
    folder : Path
        Is created.
    labels : array of int, shape (n_samples,)
        0 or 1.
    probabilities : array of float in [0, 1], shape (n_samples,)
        Predicted probability of class 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    false_positive_rate, true_positive_rate, _ = roc_curve(labels, probabilities)
    _write_points(folder / "roc.json", fpr=false_positive_rate, tpr=true_positive_rate)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    _write_points(folder / "precision_recall.json", recall=recall, precision=precision)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=CALIBRATION_BINS)
    _write_points(folder / "calibration.json", predicted=predicted, observed=observed)
    with (folder / "confusion.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["actual", "predicted"])
        decided = (probabilities >= DECISION_THRESHOLD).astype(int)
        for actual, guess in zip(labels, decided, strict=True):
            writer.writerow([SENTIMENTS[actual], SENTIMENTS[guess]])


def _write_points(path: Path, **columns: NDArray[np.float64]) -> None:
    length = len(next(iter(columns.values())))
    kept = np.unique(np.linspace(0, length - 1, min(length, _MAX_POINTS)).round().astype(int))
    points = [
        {name: round(float(values[position]), _DIGITS) for name, values in columns.items()}
        for position in kept
    ]
    path.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
