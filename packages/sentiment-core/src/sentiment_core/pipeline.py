"""The scikit-learn estimator: TF-IDF n-grams into logistic regression."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from sentiment_core.cleaning import clean_text
from sentiment_core.params import ModelParams, Params, VectorizerParams

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
        A fitted stock pipeline. Naive Bayes weights (``model.naive_bayes_smoothing``) are folded
        into the coefficients, so that scoring needs no extra step.
    """
    pipeline = build_pipeline(params)
    features = csr_array(pipeline["vectorizer"].fit_transform(texts))
    _fit_classifier(pipeline["classifier"], features, np.asarray(labels), params.model)
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
