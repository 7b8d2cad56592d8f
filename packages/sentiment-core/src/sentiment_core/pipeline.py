"""The scikit-learn estimator: TF-IDF n-grams into logistic regression."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from sentiment_core.cleaning import clean_text
from sentiment_core.params import ModelParams, Params, VectorizerParams

TOKEN_PATTERN = r"\S+"  # noqa: S105 - no password
"""Clean text is words joined by spaces, so every run of non-space is one word."""

_FEWEST_FOLDS: Final = 2


def build_vectorizer(params: VectorizerParams) -> TfidfVectorizer:
    """Create the unfitted vectorizer.

    Parameters
    ----------
    params : VectorizerParams
        Validated parameters.

    Returns
    -------
    TfidfVectorizer
        It cleans raw text itself.
    """
    return TfidfVectorizer(
        preprocessor=clean_text,
        token_pattern=TOKEN_PATTERN,
        ngram_range=params.ngram_range,
        min_df=params.min_df,
        max_df=params.max_df,
        max_features=params.max_features,
        sublinear_tf=params.sublinear_tf,
    )


def build_pipeline(params: Params) -> Pipeline:
    """Create the unfitted estimator.

    Parameters
    ----------
    params : Params
        Validated parameters.

    Returns
    -------
    Pipeline
        Steps ``vectorizer`` and ``classifier``.
    """
    model = params.model
    return Pipeline(
        [
            ("vectorizer", build_vectorizer(params.vectorizer)),
            (
                "classifier",
                LogisticRegression(
                    C=model.C, max_iter=model.max_iter, random_state=model.random_state
                ),
            ),
        ]
    )


def fit_pipeline(params: Params, texts: Sequence[str], labels: Sequence[int]) -> Pipeline:
    """Fit the estimator on raw texts.

    Parameters
    ----------
    params : Params
        Validated parameters.
    texts : sequence of str, length n_samples
        Raw reviews.
    labels : sequence of int, length n_samples
        0 (negative) or 1 (positive).

    Returns
    -------
    Pipeline
        A fitted stock pipeline. Naive Bayes weights (``model.naive_bayes_smoothing``) and the
        calibration (``model.calibration_folds``) are folded into coefficients and intercept, so
        that scoring needs no extra step.
    """
    pipeline = build_pipeline(params)
    features = csr_array(pipeline["vectorizer"].fit_transform(texts))
    classifier, targets = pipeline["classifier"], np.asarray(labels)
    _fit_classifier(classifier, features, targets, params.model)
    if params.model.calibration_folds:
        decisions = _decisions_of_unseen(classifier, features, targets, params.model)
        if decisions is not None:
            _calibrate(classifier, decisions, targets)
    return pipeline


def _fit_classifier(
    classifier: LogisticRegression,
    features: csr_array,
    labels: NDArray[np.int_],
    params: ModelParams,
) -> None:
    if params.naive_bayes_smoothing is None:
        classifier.fit(features, labels)
        return
    weights = naive_bayes_log_ratio(features, labels, smoothing=params.naive_bayes_smoothing)
    classifier.fit(features @ diags_array(weights), labels)
    # (x * r) . w  ==  x . (r * w)
    classifier.coef_ *= weights


def _decisions_of_unseen(
    classifier: LogisticRegression,
    features: csr_array,
    labels: NDArray[np.int_],
    params: ModelParams,
) -> NDArray[np.float64] | None:
    """Compute the decision for each row of a classifier that has not seen it; None of few rows."""
    folds = min(params.calibration_folds or 0, int(np.bincount(labels, minlength=2).min()))
    if folds < _FEWEST_FOLDS:
        return None
    decisions = np.empty(len(labels))
    for seen, unseen in StratifiedKFold(folds).split(features, labels):
        fold = clone(classifier)
        _fit_classifier(fold, features[seen], labels[seen], params)
        decisions[unseen] = fold.decision_function(features[unseen])
    return decisions


def _calibrate(
    classifier: LogisticRegression, decisions: NDArray[np.float64], labels: NDArray[np.int_]
) -> None:
    slope, intercept = platt_scaling(decisions, labels)
    # A slope of zero or less: what it learned does not hold for unseen rows. It stays as it is.
    if slope > 0:
        classifier.coef_ *= slope
        classifier.intercept_ = classifier.intercept_ * slope + intercept


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
    positive = smoothing + features[labels == 1].sum(axis=0)
    negative = smoothing + features[labels == 0].sum(axis=0)
    ratio: NDArray[np.float64] = np.log((positive / positive.sum()) / (negative / negative.sum()))
    return ratio
