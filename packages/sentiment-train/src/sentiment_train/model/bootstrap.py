"""How exact figures are: confidence intervals by resampling the reviews that they were taken on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentiment_core.labels import DECISION_THRESHOLD
from sentiment_train.model.significance import log_losses

CALIBRATION_BINS: Final = 15
RESAMPLES: Final = 1000
_TAILS: Final = (2.5, 97.5)
_AT_ONCE: Final = 50  # bounds the memory: so many times the number of reviews

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A figure and the interval that holds 95 % of what resampled reviews give."""

    value: float
    low: float
    high: float


class _Resample(NamedTuple):
    """Reviews, and how often each one occurs in each of some resamples (rows)."""

    labels: NDArray[np.int_]
    weights: Floats


def figures_with_intervals(
    labels: NDArray[np.int_], probabilities: Floats, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Compute the figures of a model, each with its percentile bootstrap interval.

    Parameters
    ----------
    labels : array of int, shape (n_samples,)
        0 or 1; both occur.
    probabilities : array of float in [0, 1], shape (n_samples,)
        Predicted probability of class 1.
    resamples : int
        How often the reviews are drawn anew.
    seed : int
        The same seed and reviews give the same intervals.

    Returns
    -------
    dict of str to Interval
        Those of `sentiment_train.model.evaluation.Evaluation`, and ``calibration_error``: the
        expected calibration error in 15 equally wide bins.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13; for the calibration
    error Guo et al. (2017), "On Calibration of Modern Neural Networks", equation 3.
    """
    return _intervals(
        lambda sample: _figures(sample, probabilities), labels, resamples=resamples, seed=seed
    )


def calibration_error(labels: NDArray[np.int_], probabilities: Floats) -> float:
    """Compute the expected calibration error in 15 equally wide bins; see `figures_with_intervals`.

    Parameters
    ----------
    labels : array of int, shape (n_samples,)
        0 or 1.
    probabilities : array of float in [0, 1], shape (n_samples,)
        Predicted probability of class 1.
    """
    weights = np.ones((1, len(labels)))
    return float(_calibration_error(_Resample(labels, weights), probabilities)[0])


def gains_with_intervals(
    labels: NDArray[np.int_],
    probabilities: Floats,
    rival: Floats,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Compute by how much each figure of a model exceeds that of a rival on the same reviews.

    Both are taken on the same resamples, so the intervals are those of the difference itself.
    Parameters are those of `figures_with_intervals`.
    """

    def gains(sample: _Resample) -> dict[str, Floats]:
        mine, its = _figures(sample, probabilities), _figures(sample, rival)
        return {name: mine[name] - its[name] for name in mine}

    return _intervals(gains, labels, resamples=resamples, seed=seed)


def _intervals(
    figures: Callable[[_Resample], Mapping[str, Floats]],
    labels: NDArray[np.int_],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    points = figures(_Resample(labels, np.ones((1, len(labels)))))
    drawn = [figures(_Resample(labels, weights)) for weights in _weights(labels, resamples, seed)]
    result = {}
    for name, point in points.items():
        low, high = np.percentile(np.concatenate([part[name] for part in drawn]), _TAILS)
        result[name] = Interval(float(point[0]), float(low), float(high))
    return result


def _weights(labels: NDArray[np.int_], resamples: int, seed: int) -> Iterator[Floats]:
    """Draw resamples that keep the number of reviews of each class, so that every figure exists."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - start)
        weights = np.empty((count, len(labels)))
        for label in (0, 1):
            rows = np.flatnonzero(labels == label)
            weights[:, rows] = random.multinomial(len(rows), [1 / len(rows)] * len(rows), count)
        yield weights


def _figures(sample: _Resample, probabilities: Floats) -> dict[str, Floats]:
    labels, weights = sample
    is_positive = labels == 1
    decided = probabilities >= DECISION_THRESHOLD
    total = weights.sum(axis=1)
    true_positives = weights[:, is_positive & decided].sum(axis=1)
    false_positives = weights[:, ~is_positive & decided].sum(axis=1)
    positives = weights[:, is_positive].sum(axis=1)
    right = weights[:, is_positive == decided].sum(axis=1)
    # Those without a single positive answer have a precision and an F1 of 0, as in scikit-learn.
    answered = np.maximum(true_positives + false_positives, 1.0)
    losses = log_losses(labels, probabilities, floor=float(np.finfo(float).eps))  # scikit-learn's
    return {
        "accuracy": right / total,
        "f1": 2 * true_positives / (true_positives + false_positives + positives),
        "precision": true_positives / answered,
        "recall": true_positives / positives,
        "roc_auc": _roc_auc(sample, probabilities),
        "log_loss": weights @ losses / total,
        "brier": weights @ (labels - probabilities) ** 2 / total,
        "calibration_error": _calibration_error(sample, probabilities),
    }


def _calibration_error(sample: _Resample, probabilities: Floats) -> Floats:
    labels, weights = sample
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.zeros((len(labels), CALIBRATION_BINS))
    gaps[np.arange(len(labels)), bins] = labels - probabilities
    error: Floats = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
    return error


def _roc_auc(sample: _Resample, probabilities: Floats) -> Floats:
    """Compute the share of pairs in the right order; a tie counts as half of one."""
    labels, weights = sample
    order = np.argsort(probabilities, kind="stable")
    ranked = probabilities[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    positive, negative = (
        np.add.reduceat(weights[:, order] * (labels[order] == label), starts, axis=1)
        for label in (1, 0)
    )
    below = np.cumsum(negative, axis=1) - negative
    pairs = (positive * (below + negative / 2)).sum(axis=1)
    area: Floats = pairs / (positive.sum(axis=1) * negative.sum(axis=1))
    return area
