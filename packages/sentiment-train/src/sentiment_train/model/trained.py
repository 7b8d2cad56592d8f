"""What a training has made, before it is logged: the judged model, and the one that serves."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sentiment_core.params import MetricName, Params
from sentiment_core.scorer import LinearScorer
from sentiment_train.data.checks import DataReport
from sentiment_train.data.split import Split
from sentiment_train.data.training_data import TrainingData
from sentiment_train.data.unlabelled import UnlabelledReviews
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.evaluation import Evaluation, is_better
from sentiment_train.model.fitting import fit_scorer

logger = logging.getLogger(__name__)

DECIDING_METRIC: Final[MetricName] = "log_loss"
"""Whether unlabelled reviews help: it tells models apart with fewer rows than accuracy does."""

_ROWS_AT_ONCE: Final = 5_000
"""Of a large data set, whose texts are strings of Python only while they are scored."""


@dataclass(frozen=True)
class JudgedModel:
    """A model of the training rows, and what it says of the held-out ones."""

    scorer: LinearScorer
    scores: HeldOutScores

    @property
    def evaluation(self) -> Evaluation:
        """The metrics on the held-out rows."""
        return self.scores.evaluation


def judge(scorer: LinearScorer, rows: pd.DataFrame) -> JudgedModel:
    """Score labelled rows (columns ``text`` and ``label``)."""
    probabilities = [
        scorer.predict_proba(rows["text"].iloc[start : start + _ROWS_AT_ONCE].tolist())[:, 1]
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    return JudgedModel(
        scorer,
        HeldOutScores(scorer.digest, rows["label"].to_numpy(), np.concatenate(probabilities)),
    )


@dataclass(frozen=True)
class UnlabelledTrial:
    """What reviews without labels were worth on the held-out rows."""

    reviews: UnlabelledReviews
    judged: JudgedModel
    """The model that learned from them too."""
    without: JudgedModel

    @property
    def helps(self) -> bool:
        """Whether the model that learned from them is the better one."""
        return is_better(_loss(self.judged), _loss(self.without), DECIDING_METRIC)

    def __str__(self) -> str:
        """Say it in a sentence."""
        verdict = "they are learned from" if self.helps else "they do not help, and are left out"
        return (
            f"{len(self.reviews.texts):,} reviews without labels: held-out log loss "
            f"{_loss(self.judged):.4f} with them, {_loss(self.without):.4f} without; {verdict}"
        )


def _loss(model: JudgedModel) -> float:
    return model.evaluation.metrics()[DECIDING_METRIC]


@dataclass(frozen=True)
class TrainedModel:
    """Everything about a model that is worth keeping."""

    scorer: LinearScorer
    """What serves: it may have seen the held-out rows."""
    judged: JudgedModel
    split: Split
    data: TrainingData
    data_report: DataReport
    unlabelled: UnlabelledTrial | None = None

    @property
    def params(self) -> Params:
        """The experiment's choices, as they were truly used."""
        return self.data.params

    @property
    def is_refitted(self) -> bool:
        """Whether what serves was fitted again, on all rows."""
        return self.scorer.digest != self.judged.scorer.digest


def refit(
    judged: JudgedModel,
    rows: pd.DataFrame,
    test: pd.DataFrame,
    params: Params,
    unlabelled: Sequence[str] = (),
    *,
    cluster: str | None = None,
) -> LinearScorer:
    """Fit on all labelled rows what was judged on those held out.

    Parameters
    ----------
    judged : JudgedModel
        Fitted on the training rows.
    rows : DataFrame, shape (n_reviews, 2)
        All labelled rows.
    test : DataFrame
        The held-out ones among them.
    unlabelled : sequence of str
        Reviews without labels that the judged model learned from.
    cluster : str, optional
        As `fit_scorer` takes it.

    Returns
    -------
    LinearScorer
        The judged one if the new one, which has seen the held-out rows, knows them no better: then
        something is wrong with it.
    """
    scorer = fit_scorer(rows, params, unlabelled, cluster=cluster)
    mine, its = _loss(judge(scorer, test)), _loss(judged)
    if is_better(mine, its, DECIDING_METRIC):
        return scorer
    logger.warning(
        "The model of all rows knows the held-out rows no better (%s %.4f) than the one that has "
        "not seen them (%.4f): the latter will serve", DECIDING_METRIC, mine, its,
    )  # fmt: skip
    return judged.scorer
