"""Fits the estimator and turns it into the scorer that will serve."""

import logging
from typing import Final

import numpy as np
import pandas as pd

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import DataError, ParityError
from sentiment_core.params import Params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import LinearScorer

logger = logging.getLogger(__name__)

_PARITY_ROWS: Final = 200
_PARITY_TOLERANCE: Final = 1e-9


def fit_scorer(train: pd.DataFrame, params: Params) -> LinearScorer:
    """Fit the pipeline and copy it into a portable scorer, checked against the pipeline.

    Raises
    ------
    DataError
        If no term is frequent enough for the vocabulary.
    ParityError
        If the scorer and the pipeline disagree on training rows.
    """
    logger.info("Fitting %d reviews", len(train))
    try:
        pipeline = fit_pipeline(params, train["text"].tolist(), train["label"].tolist())
    except ValueError as error:
        raise DataError(
            f"Cannot fit {len(train)} reviews: {error}. Lower vectorizer.min_df or add reviews."
        ) from error
    scorer = scorer_from_pipeline(pipeline)
    sample = train["text"].head(_PARITY_ROWS).tolist()
    difference = np.abs(scorer.predict_proba(sample) - pipeline.predict_proba(sample)).max()
    if not difference <= _PARITY_TOLERANCE:
        raise ParityError(f"The scorer differs from scikit-learn by {difference}: report a bug.")
    return scorer
