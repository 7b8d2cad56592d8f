"""Fits the estimator and turns it into the scorer that will serve."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import DataError, ParityError
from sentiment_core.params import Params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import LinearScorer
from sentiment_core.semi_supervised import fit_semi_supervised
from sentiment_train.cluster import connect
from sentiment_train.model.out_of_core import PART_REVIEWS, fit_out_of_core
from sentiment_train.model.partition import Reviews

logger = logging.getLogger(__name__)

_PARITY_ROWS: Final = 200
_PARITY_TOLERANCE: Final = 1e-9


def fit_scorer(
    train: pd.DataFrame,
    params: Params,
    unlabelled: Sequence[str] = (),
    *,
    cluster: str | None = None,
) -> LinearScorer:
    """Fit the model that will serve.

    Without a cluster it is scikit-learn's pipeline, copied into a portable scorer and checked
    against it.

    Parameters
    ----------
    train : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label``.
    unlabelled : sequence of str
        Reviews without labels to learn from too, none of them held out. They are learned from in
        memory, whatever `cluster` says.
    cluster : str, optional
        Dask scheduler on which the model is fitted part by part, see `fit_out_of_core`.

    Raises
    ------
    DataError
        If no term is frequent enough for the vocabulary.
    ParityError
        If the scorer and the pipeline disagree on training rows.
    """
    if cluster and not unlabelled:
        starts = range(0, len(train), PART_REVIEWS)
        parts = (train.iloc[start : start + PART_REVIEWS] for start in starts)
        return fit_in_parts(parts, len(train), params, cluster)
    logger.info("Fitting %d reviews", len(train))
    try:
        pipeline = _fit(train, params, unlabelled)
    except ValueError as error:
        name = "semi_supervised.min_df" if unlabelled else "vectorizer.min_df"
        raise _cannot_fit(len(train), error, name) from error
    labels = params.data.labels
    scorer = scorer_from_pipeline(pipeline, labels.names() if labels else None)
    sample = train["text"].head(_PARITY_ROWS).tolist()
    difference = np.abs(scorer.predict_proba(sample) - pipeline.predict_proba(sample)).max()
    if not difference <= _PARITY_TOLERANCE:
        raise ParityError(f"The scorer differs from scikit-learn by {difference}: report a bug.")
    return scorer


def fit_in_parts(
    parts: Iterable[pd.DataFrame], n_reviews: int, params: Params, cluster: str
) -> LinearScorer:
    """Fit the model that will serve on a cluster, see `fit_out_of_core`.

    Parameters
    ----------
    parts : iterable of DataFrame
        Columns ``text`` and ``label``.
    n_reviews : int
        How many there are, for messages.
    cluster : str
        Address of the scheduler.

    Raises
    ------
    DataError
        If no term is frequent enough for the vocabulary.
    SentimentError
        If the cluster does not answer, or is lost.
    """
    logger.info("Fitting %d reviews on %s", n_reviews, cluster)
    reviews = (Reviews(part["text"].tolist(), part["label"].tolist()) for part in parts)
    try:
        with connect(cluster) as connected:
            return fit_out_of_core(reviews, params, connected)
    except ValueError as error:
        raise _cannot_fit(n_reviews, error, "vectorizer.min_df") from error


def _cannot_fit(n_reviews: int, error: ValueError, name: str) -> DataError:
    return DataError(f"Cannot fit {n_reviews} reviews: {error}. Lower {name} or add reviews.")


def _fit(train: pd.DataFrame, params: Params, unlabelled: Sequence[str]) -> Pipeline:
    texts, labels = train["text"].tolist(), train["label"].tolist()
    if unlabelled:
        return fit_semi_supervised(params, texts, labels, unlabelled)
    return fit_pipeline(params, texts, labels)
