"""Fits the estimator and turns it into the scorer that will serve."""

import logging
from collections.abc import Sequence
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

logger = logging.getLogger(__name__)

_PARITY_ROWS: Final = 200
_PARITY_TOLERANCE: Final = 1e-9


def fit_scorer(train: pd.DataFrame, params: Params, unlabelled: Sequence[str] = ()) -> LinearScorer:
    """Fit the pipeline and copy it into a portable scorer, checked against the pipeline.

    Parameters
    ----------
    train : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label``.
    unlabelled : sequence of str
        Reviews without labels to learn from too, none of them held out.

    Raises
    ------
    DataError
        If no term is frequent enough for the vocabulary.
    ParityError
        If the scorer and the pipeline disagree on training rows.
    """
    logger.info("Fitting %d reviews", len(train))
    try:
        pipeline = _fit(train, params, unlabelled)
    except ValueError as error:
        name = "semi_supervised.min_df" if unlabelled else "vectorizer.min_df"
        raise DataError(
            f"Cannot fit {len(train)} reviews: {error}. Lower {name} or add reviews."
        ) from error
    labels = params.data.labels
    scorer = scorer_from_pipeline(pipeline, labels.names() if labels else None)
    sample = train["text"].head(_PARITY_ROWS).tolist()
    difference = np.abs(scorer.predict_proba(sample) - pipeline.predict_proba(sample)).max()
    if not difference <= _PARITY_TOLERANCE:
        raise ParityError(f"The scorer differs from scikit-learn by {difference}: report a bug.")
    return scorer


def _fit(train: pd.DataFrame, params: Params, unlabelled: Sequence[str]) -> Pipeline:
    texts, labels = train["text"].tolist(), train["label"].tolist()
    if unlabelled:
        return fit_semi_supervised(params, texts, labels, unlabelled)
    return fit_pipeline(params, texts, labels)
