"""The classifier: logistic regression on terms that are weighted by naive Bayes."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.linear_model import LogisticRegression

from sentiment_core.params import ModelParams


def build_classifier(params: ModelParams) -> LogisticRegression:
    """Create the unfitted classifier.

    Parameters
    ----------
    params : ModelParams
        Validated parameters.

    Returns
    -------
    LogisticRegression
        Plain: `fit_classifier` adds the naive Bayes weights.
    """
    return LogisticRegression(
        C=params.C, max_iter=params.max_iter, random_state=params.random_state
    )


def fit_classifier(
    classifier: LogisticRegression,
    features: csr_array,
    labels: NDArray[np.int_],
    params: ModelParams,
) -> None:
    """Fit the classifier; the naive Bayes weights are folded into its coefficients.

    Parameters
    ----------
    classifier : LogisticRegression
        Of `build_classifier`; it is fitted in place.
    features : csr_array, shape (n_samples, n_terms)
        Non-negative term weights.
    labels : array of int, shape (n_samples,)
        0 or 1; both occur.
    params : ModelParams
        ``naive_bayes_smoothing`` is looked at; None leaves the terms as they are.
    """
    if params.naive_bayes_smoothing is None:
        classifier.fit(features, labels)
        return
    weights = naive_bayes_log_ratio(features, labels, smoothing=params.naive_bayes_smoothing)
    classifier.fit(features @ diags_array(weights), labels)
    # (x * r) . w  ==  x . (r * w)
    classifier.coef_ *= weights


def naive_bayes_log_ratio(
    features: csr_array, labels: NDArray[np.int_], *, smoothing: float
) -> NDArray[np.float64]:
    """Compute each term's naive Bayes log-count ratio.

    Parameters
    ----------
    features : csr_array, shape (n_samples, n_terms)
        Non-negative term weights.
    labels : array of int, shape (n_samples,)
        0 or 1.
    smoothing : float
        Added to each term's total in each class.

    Returns
    -------
    array of float, shape (n_terms,)
        ``ln((p / |p|) / (q / |q|))`` with smoothed class totals ``p`` and ``q``.

    References
    ----------
    Wang and Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", section 2.3.
    """
    positive, negative = (features[labels == label].sum(axis=0) for label in (1, 0))
    return log_ratio(positive, negative, smoothing=smoothing)


def log_ratio(
    positive: NDArray[np.float64], negative: NDArray[np.float64], *, smoothing: float
) -> NDArray[np.float64]:
    """Compute the log-count ratio of terms from their totals in each class.

    The formula is that of `naive_bayes_log_ratio`.
    """
    positive, negative = positive + smoothing, negative + smoothing
    ratio: NDArray[np.float64] = np.log((positive / positive.sum()) / (negative / negative.sum()))
    return ratio
