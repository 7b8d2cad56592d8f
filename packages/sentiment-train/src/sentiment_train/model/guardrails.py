"""What may not get worse when a model replaces another, however good its figure is."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sentiment_core.labels import DECISION_THRESHOLD
from sentiment_core.params import GuardrailParams
from sentiment_core.scorer import LinearScorer
from sentiment_train.model.behaviour import BehaviourCheck, run_checks
from sentiment_train.model.bootstrap import calibration_error
from sentiment_train.model.slices import by_length

SMALLEST_SLICE: Final = 30
"""Fewer reviews say too little of an accuracy."""

_TIMED_TEXTS: Final = 200
_TIMED_ROUNDS: Final = 5


@dataclass(frozen=True)
class ScoredModel:
    """A model, and what it says of the reviews that it is judged on."""

    scorer: LinearScorer
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Guardrail:
    """What was looked at, what was found, and whether it stands in the way."""

    name: str
    finding: str
    broken: bool

    def __str__(self) -> str:
        """Name the parameter and say what was found."""
        return f"guardrail {self.name}: {self.finding}"


def check_guardrails(
    limits: GuardrailParams,
    candidate: ScoredModel,
    champion: ScoredModel,
    texts: Sequence[str],
    labels: NDArray[np.int_],
    checks: Sequence[BehaviourCheck] = (),
) -> list[Guardrail]:
    """Look at everything that a candidate may not do worse than the champion that it replaces.

    Parameters
    ----------
    limits : GuardrailParams
        What is looked at, and how much is allowed.
    candidate, champion : ScoredModel
        With probabilities of class 1 of shape (n_reviews,).
    texts : sequence of str, length n_reviews
        Raw reviews that neither was trained on.
    labels : array of int, shape (n_reviews,)
        0 or 1.
    checks : sequence of BehaviourCheck
        What both are asked beside the reviews.

    Returns
    -------
    list of Guardrail
        One for each that is looked at.
    """
    found: list[Guardrail] = []
    if limits.slice_loss is not None:
        found += _slices(limits.slice_loss, candidate, champion, texts, labels)
    if limits.calibration_error is not None:
        found.append(_calibration(limits.calibration_error, candidate, champion, labels))
    if limits.megabytes is not None:
        size = len(candidate.scorer.to_bytes()) / 1e6
        finding = f"{size:.1f} MB, {limits.megabytes:g} allowed"
        found.append(Guardrail("megabytes", finding, size > limits.megabytes))
    if limits.slowdown is not None:
        ratio = _slowdown(candidate.scorer, champion.scorer, texts[:_TIMED_TEXTS])
        finding = f"{ratio:.1f} times the champion's time, {limits.slowdown:g} allowed"
        found.append(Guardrail("slowdown", finding, ratio > limits.slowdown))
    if checks:
        found.append(_behaviour(limits.behaviour_loss, candidate, champion, checks))
    return found


def _slices(
    limit: float,
    candidate: ScoredModel,
    champion: ScoredModel,
    texts: Sequence[str],
    labels: NDArray[np.int_],
) -> Iterator[Guardrail]:
    for name, rows in by_length(texts):
        if rows.sum() < SMALLEST_SLICE:
            continue
        mine, its = (
            float(((model.probabilities[rows] >= DECISION_THRESHOLD) == labels[rows]).mean())
            for model in (candidate, champion)
        )
        finding = f"accuracy {mine:.3f} against {its:.3f} on {int(rows.sum())} reviews of {name}"
        yield Guardrail("slice_loss", finding, its - mine > limit)


def _calibration(
    limit: float, candidate: ScoredModel, champion: ScoredModel, labels: NDArray[np.int_]
) -> Guardrail:
    mine, its = (calibration_error(labels, model.probabilities) for model in (candidate, champion))
    finding = f"{mine:.3f} against {its:.3f}, {limit:g} allowed"
    return Guardrail("calibration_error", finding, mine > max(limit, its))


def _slowdown(candidate: LinearScorer, champion: LinearScorer, texts: Sequence[str]) -> float:
    """Time both in turn, and take the best round of each: the machine has other work too."""
    best = [float("inf"), float("inf")]
    for _ in range(_TIMED_ROUNDS):
        for index, scorer in enumerate((candidate, champion)):
            start = time.perf_counter()
            for text in texts:
                scorer.predict_positive(text)
            best[index] = min(best[index], time.perf_counter() - start)
    return best[0] / best[1]


def _behaviour(
    limit: float,
    candidate: ScoredModel,
    champion: ScoredModel,
    checks: Sequence[BehaviourCheck],
) -> Guardrail:
    n_pairs = sum(len(check.pairs) for check in checks)
    mine, its = (
        sum(result.n_passed for result in run_checks(model.scorer, checks))
        for model in (candidate, champion)
    )
    finding = f"passes {mine} of {n_pairs} checks, the champion {its}"
    return Guardrail("behaviour", finding, (its - mine) / n_pairs > limit)
