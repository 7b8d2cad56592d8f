"""The scikit-learn estimator: TF-IDF n-grams into logistic regression."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from sentiment_core.calibration import calibrate, stratified_folds
from sentiment_core.classifier import build_classifier, fit_classifier
from sentiment_core.cleaning import clean_text
from sentiment_core.params import Params, VectorizerParams

TOKEN_PATTERN = r"\S+"  # noqa: S105 - no password
"""Clean text is words joined by spaces, so every run of non-space is one word."""


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
    return Pipeline(
        [
            ("vectorizer", build_vectorizer(params.vectorizer)),
            ("classifier", build_classifier(params.model)),
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
    fit_classifier(classifier, features, targets, params.model)
    folds = stratified_folds(targets, params.model.calibration_folds or 0)
    decisions = np.empty(len(targets))
    for seen, unseen in folds:
        other = clone(classifier)
        fit_classifier(other, features[seen], targets[seen], params.model)
        decisions[unseen] = other.decision_function(features[unseen])
    if folds:
        calibrate(classifier, decisions, targets)
    return pipeline
