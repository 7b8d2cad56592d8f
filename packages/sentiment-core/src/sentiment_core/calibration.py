"""Calibration: probabilities that mean what they say, folded into a linear classifier."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

_FEWEST_FOLDS: Final = 2


def stratified_folds(
    labels: NDArray[np.int_], n_folds: int
) -> list[tuple[NDArray[np.int_], NDArray[np.int_]]]:
    """Part rows into folds, each of which is left out once.

    Parameters
    ----------
    labels : array of int, shape (n_samples,)
        0 or 1.
    n_folds : int
        Fewer are made where a class has fewer rows.

    Returns
    -------
    list of (array of int, array of int)
        Positions of the rows that stay and of those left out; empty if a class has too few rows.
    """
    folds = min(n_folds, int(np.bincount(labels, minlength=2).min()))
    if folds < _FEWEST_FOLDS:
        return []
    return list(StratifiedKFold(folds).split(labels, labels))


def calibrated_log_loss(decisions: NDArray[np.float64], labels: NDArray[np.int_]) -> float:
    """Compute what decisions cost as probabilities, once they are calibrated on these rows.

    Parameters
    ----------
    decisions : array of float, shape (n_samples,)
        Of rows that the classifier was not fitted on; their scale is of no account.
    labels : array of int, shape (n_samples,)
        0 or 1; both occur.

    Returns
    -------
    float
        Mean log loss, in nats.
    """
    slope, intercept = platt_scaling(decisions, labels)
    return float(log_loss(labels, 1 / (1 + np.exp(-(slope * decisions + intercept)))))


def calibrate(
    classifier: LogisticRegression, decisions: NDArray[np.float64], labels: NDArray[np.int_]
) -> None:
    """Fold Platt's line into coefficients and intercept of a fitted classifier.

    Parameters
    ----------
    classifier : LogisticRegression
        Changed in place, unless what it learned does not hold for unseen rows.
    decisions : array of float, shape (n_samples,)
        Its decision for rows that it was not fitted on.
    labels : array of int, shape (n_samples,)
        Of these rows: 0 or 1; both occur.
    """
    slope, intercept = calibration_line(decisions, labels)
    classifier.coef_ *= slope
    classifier.intercept_ = classifier.intercept_ * slope + intercept


def calibration_line(
    decisions: NDArray[np.float64], labels: NDArray[np.int_]
) -> tuple[float, float]:
    """Do what `platt_scaling` does; the line 1, 0 where what was learned does not hold."""
    slope, intercept = platt_scaling(decisions, labels)
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def platt_scaling(decisions: NDArray[np.float64], labels: NDArray[np.int_]) -> tuple[float, float]:
    """Fit probabilities to decisions: ``1 / (1 + exp(-(slope * decision + intercept)))``.

    Parameters
    ----------
    decisions : array of float, shape (n_samples,)
        Log-odds of rows that the classifier was not fitted on.
    labels : array of int, shape (n_samples,)
        0 or 1; both occur.

    Returns
    -------
    slope, intercept : float
        Finite also where the decisions separate the classes.

    References
    ----------
    Platt (1999), "Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized
    Likelihood Methods", section 2: targets are ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)``.
    """
    negatives, positives = np.bincount(labels, minlength=2)
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # Each row as both classes, weighted: a target between 0 and 1.
    rows = np.tile(decisions, 2)[:, np.newaxis]
    classes = np.repeat([1, 0], len(labels))
    fit = LogisticRegression(C=np.inf).fit(
        rows, classes, sample_weight=np.concatenate([target, 1 - target])
    )
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])
