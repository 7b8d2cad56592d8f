"""Whether a difference between two models on the same reviews may be chance."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SMALLEST_PROBABILITY: Final = 1e-6
"""No single review counts for more than the logarithm of this."""


def log_losses(
    labels: NDArray[np.int_],
    probabilities: NDArray[np.float64],
    *,
    floor: float = _SMALLEST_PROBABILITY,
) -> NDArray[np.float64]:
    """Compute what each prediction costs: ``-ln`` of the probability of the true class.

    Parameters
    ----------
    labels : array of int, shape (n_samples,)
        0 or 1.
    probabilities : array of float in [0, 1], shape (n_samples,)
        Predicted probability of class 1.
    floor : float
        Smallest probability of the true class that counts.

    Returns
    -------
    array of float, shape (n_samples,)
        In nats.
    """
    of_truth = np.where(labels == 1, probabilities, 1.0 - probabilities)
    return -np.log(np.maximum(of_truth, floor))


def p_value_of_gain(
    labels: NDArray[np.int_],
    candidate: NDArray[np.float64],
    rival: NDArray[np.float64],
) -> float:
    """Compute how probable it is that a candidate looks so much better by chance alone.

    A one-sided paired t-test of the two models' log losses. Probabilities tell far more models
    apart than right and wrong labels do (``bench/promotion.py``).

    Parameters
    ----------
    labels : array of int, shape (n_samples,)
        0 or 1.
    candidate, rival : array of float in [0, 1], shape (n_samples,)
        What each model gives as the probability of class 1.

    Returns
    -------
    float in [0, 1]
        Small if the candidate is better; 1 if the two say the same, or of less than two rows.

    References
    ----------
    Student (1908), "The Probable Error of a Mean"; `scipy.stats.ttest_1samp` of the differences.
    """
    from scipy.stats import ttest_1samp

    gains = log_losses(labels, rival) - log_losses(labels, candidate)
    if len(gains) < 2 or np.allclose(gains, gains[0], atol=_SMALLEST_PROBABILITY):
        # No spread: nothing is left to chance, or nothing is known of it.
        return 0.0 if len(gains) > 1 and gains[0] > _SMALLEST_PROBABILITY else 1.0
    return float(ttest_1samp(gains, 0.0, alternative="greater").pvalue)
