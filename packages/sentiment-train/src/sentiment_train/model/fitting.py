"""Fits the estimator and turns it into the scorer that will serve."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import DataError, ParityError
from sentiment_core.params import Params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import LinearScorer
from sentiment_core.semi_supervised import fit_semi_supervised
from sentiment_train.cluster import LOCAL, Cluster, connect
from sentiment_train.model.out_of_core import PART_REVIEWS, fit_out_of_core
from sentiment_train.model.partition import Reviews

if TYPE_CHECKING:
    from distributed import Future

logger = logging.getLogger(__name__)

_PARITY_ROWS: Final = 200
_PARITY_TOLERANCE: Final = 1e-9

_Item = TypeVar("_Item")
_Shared = TypeVar("_Shared")
_Result = TypeVar("_Result")


def fit_scorer(
    rows: pd.DataFrame,
    params: Params,
    unlabelled: Sequence[str] = (),
    *,
    left_out: NDArray[np.bool_] | None = None,
    cluster: str | None = None,
) -> LinearScorer:
    """Fit the model that will serve.

    Without a cluster it is scikit-learn's pipeline, copied into a portable scorer and checked
    against it.

    Parameters
    ----------
    rows : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label``.
    unlabelled : sequence of str
        Reviews without labels to learn from too, none of them held out. All of it is in memory
        then; other machines' workers do the rounds of the self-training.
    left_out : array of bool, shape (n_reviews,), optional
        Rows that are not learned from; on a cluster the others are never all copied.
    cluster : str, optional
        Dask scheduler on which the model is fitted part by part, see `fit_out_of_core`.

    Raises
    ------
    DataError
        If no term is frequent enough for the vocabulary.
    ParityError
        If the scorer and the pipeline disagree on training rows.
    SentimentError
        If the cluster does not answer, or is lost.
    """
    n_reviews = len(rows) - (0 if left_out is None else int(left_out.sum()))
    logger.info("Fitting %d reviews", n_reviews)
    try:
        if cluster and not unlabelled:
            logger.info("Fitting them in parts on %s", cluster)
            with connect(cluster) as connected:
                return fit_out_of_core(_parts(rows, left_out), params, connected)
        train = rows if left_out is None else rows[~left_out]
        pipeline = _fit(train, params, unlabelled, cluster)
    except ValueError as error:
        name = "semi_supervised.min_df" if unlabelled else "vectorizer.min_df"
        raise DataError(
            f"Cannot fit {n_reviews} reviews: {error}. Lower {name} or add reviews."
        ) from error
    labels = params.data.labels
    scorer = scorer_from_pipeline(pipeline, labels.names() if labels else None)
    sample = train["text"].head(_PARITY_ROWS).tolist()
    difference = np.abs(scorer.predict_proba(sample) - pipeline.predict_proba(sample)).max()
    if not difference <= _PARITY_TOLERANCE:
        raise ParityError(f"The scorer differs from scikit-learn by {difference}: report a bug.")
    return scorer


def _parts(rows: pd.DataFrame, left_out: NDArray[np.bool_] | None) -> Iterator[Reviews]:
    for start in range(0, len(rows), PART_REVIEWS):
        some = slice(start, start + PART_REVIEWS)
        part = rows.iloc[some]
        if left_out is not None:
            part = part[~left_out[some]]
        yield Reviews(part["text"].tolist(), part["label"].tolist())


def _fit(
    train: pd.DataFrame, params: Params, unlabelled: Sequence[str], cluster: str | None
) -> Pipeline:
    texts, labels = train["text"].tolist(), train["label"].tolist()
    if not unlabelled:
        return fit_pipeline(params, texts, labels)
    if cluster is None or cluster == LOCAL:
        return fit_semi_supervised(params, texts, labels, unlabelled)
    with connect(cluster) as connected:
        return fit_semi_supervised(params, texts, labels, unlabelled, _RoundsOn(connected))


class _RoundsOn:
    """Does rounds on the workers of a cluster, which are sent what they share once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._shared: object = None
        self._sent: Future[Any] | None = None

    def __call__(
        self,
        function: Callable[[_Item, _Shared], _Result],
        items: Sequence[_Item],
        shared: _Shared,
    ) -> Iterator[_Result]:
        if shared is not self._shared:
            self._shared, self._sent = shared, self._cluster.send(shared, everywhere=True)
        return self._cluster.map(function, items, self._sent)
