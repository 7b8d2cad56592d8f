"""A model judged on labelled reviews that it need not have been trained on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sentiment_core.labels import DECISION_THRESHOLD, SENTIMENTS, Sentiment, classify
from sentiment_core.prediction import LEAST_KNOWN_SHARE
from sentiment_core.scorer import LinearScorer, TermContribution
from sentiment_train.model.behaviour import Behaviour, BehaviourCheck, run_checks
from sentiment_train.model.bootstrap import (
    Interval,
    figures_with_intervals,
    gains_with_intervals,
)
from sentiment_train.model.significance import log_losses, p_value_of_gain
from sentiment_train.model.slices import by_length

_TERMS: Final = 5
_MOST_SLICES: Final = 20


@dataclass(frozen=True)
class Slice:
    """Some of the reviews: those of a length, or with a value in a column."""

    by: str
    name: str
    n_rows: int
    accuracy: float


@dataclass(frozen=True)
class WrongAnswer:
    """A review whose label is another than the model's, which was sure of it."""

    row: int
    text: str
    label: Sentiment
    predicted: Sentiment
    confidence: float
    terms: list[TermContribution]
    """Those that speak loudest for the wrong label."""


@dataclass(frozen=True)
class Gain:
    """By how much a model exceeds another on the same reviews."""

    version: str
    differences: dict[str, Interval]
    p_value: float
    """That of `p_value_of_gain`."""


@dataclass(frozen=True)
class Assessment:
    """What a model is worth on these reviews."""

    version: str
    n_rows: int
    n_positive: int
    figures: dict[str, Interval]
    low_information: int
    """Reviews of which the model knows less than half of the words."""
    slices: list[Slice]
    worst: list[WrongAnswer]
    behaviour: list[Behaviour]
    against: Gain | None


def assess(
    version: str,
    scorer: LinearScorer,
    texts: list[str],
    labels: NDArray[np.int_],
    *,
    against: tuple[str, LinearScorer] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    checks: Sequence[BehaviourCheck] = (),
    n_worst: int = 5,
) -> Assessment:
    """Judge a model, alone or beside another one.

    Parameters
    ----------
    version : str
        The model's name in the result.
    texts : list of str, length n_reviews
        Raw reviews.
    labels : array of int, shape (n_reviews,)
        0 or 1; both occur.
    against : (str, LinearScorer), optional
        Another version, on the same reviews.
    columns : mapping of str to sequence of str, optional
        Columns by whose values to cut the reviews into slices, beside their length.
    checks : sequence of BehaviourCheck
        What to ask the model beside the reviews.
    n_worst : int
        How many wrong answers to take apart, the surest first.
    """
    positive, known_shares = scorer.score_batch(texts)
    right = (positive >= DECISION_THRESHOLD) == labels
    slices = [
        Slice("length", name, int(rows.sum()), float(right[rows].mean()))
        for name, rows in by_length(texts)
    ]
    for name, values in (columns or {}).items():
        slices += _by_value(name, values, right)
    return Assessment(
        version=version,
        n_rows=len(labels),
        n_positive=int(labels.sum()),
        figures=figures_with_intervals(labels, positive),
        low_information=int((known_shares < LEAST_KNOWN_SHARE).sum()),
        slices=slices,
        worst=_worst(scorer, texts, labels, positive, n_worst),
        behaviour=run_checks(scorer, checks),
        against=_gain(*against, texts, labels, positive) if against else None,
    )


def _gain(
    version: str,
    scorer: LinearScorer,
    texts: list[str],
    labels: NDArray[np.int_],
    positive: NDArray[np.float64],
) -> Gain:
    rival, _ = scorer.score_batch(texts)
    return Gain(
        version,
        gains_with_intervals(labels, positive, rival),
        p_value_of_gain(labels, positive, rival),
    )


def _by_value(column: str, values: Sequence[str], right: NDArray[np.bool_]) -> list[Slice]:
    """Cut the reviews by the values of a column, the most frequent first."""
    of_row = np.asarray(values, dtype=object)
    slices = []
    for value, count in Counter(values).most_common(_MOST_SLICES):
        rows = of_row == value
        slices.append(Slice(column, value or "(empty)", count, float(right[rows].mean())))
    return slices


def _worst(
    scorer: LinearScorer,
    texts: list[str],
    labels: NDArray[np.int_],
    positive: NDArray[np.float64],
    count: int,
) -> list[WrongAnswer]:
    wrong = np.flatnonzero((positive >= DECISION_THRESHOLD) != labels)
    losses = log_losses(labels[wrong], positive[wrong])
    answers = []
    for row in wrong[np.argsort(-losses, kind="stable")][:count].tolist():
        predicted, confidence = classify(float(positive[row]))
        sign = 1 if predicted == SENTIMENTS[1] else -1
        terms = [term for term in scorer.explain(texts[row]).terms if sign * term.contribution > 0]
        answers.append(
            WrongAnswer(
                row + 1,
                texts[row],
                SENTIMENTS[labels[row]],
                predicted,
                confidence,
                terms[:_TERMS],
            )
        )
    return answers
