"""Decides whether a candidate becomes champion, and lets it.

Both models are judged on the same held-out rows of the candidate's run. A registry cannot compare
and swap an alias, so every candidate leaves a claim on its version before it moves the alias and
reads the claims again afterwards: of several promotions at once, the last one to read sees all the
others, and the best of them stays champion.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.errors import NotFoundError, ScorerError
from sentiment_core.model_package import load_package
from sentiment_core.params import MetricName
from sentiment_core.scorer import LinearScorer
from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.model.evaluation import evaluate, is_better
from sentiment_train.registry.training_rows import read_training_rows
from sentiment_train.registry.versions import Registry
from sentiment_train.results import Decision, Verdict

logger = logging.getLogger(__name__)

_TAG_PREFIX: Final = "promotion."
CLAIM_TAG: Final = f"{_TAG_PREFIX}claimed_at"
_MIN_FAIR_ROWS: Final = 50
_MAX_ROUNDS: Final = 20


class Comparison(NamedTuple):
    """A candidate and a rival on the same rows."""

    version: str
    candidate_score: float
    rival_score: float | None
    reason: str


class Judge:
    """Compares a candidate with other versions on the candidate's held-out rows.

    Parameters
    ----------
    registry : Registry
        Where the other versions are.
    scorer : LinearScorer
        The candidate.
    test : DataFrame, shape (n_reviews, 2)
        Held-out rows: columns ``text`` and ``label``.
    metric : str
        Figure that decides.
    """

    def __init__(
        self, registry: Registry, scorer: LinearScorer, test: pd.DataFrame, metric: MetricName
    ) -> None:
        self.metric = metric
        self._registry = registry
        self._texts = test["text"].tolist()
        self._labels = test["label"].to_numpy()
        self._fingerprints = text_fingerprints(self._texts)
        self._candidate = scorer.predict_proba(self._texts)[:, 1]
        self._compared: dict[str, Comparison] = {}

    def candidate_score(self) -> float:
        """Return the candidate's figure on all held-out rows."""
        return self._score(self._candidate, np.ones(len(self._labels), dtype=bool))

    def compare(self, version: str) -> Comparison:
        """Compare the candidate with a version; a version that cannot be read has no score.

        Parameters
        ----------
        version : str
            A registered version.

        Returns
        -------
        Comparison
            Both figures and how they came about.
        """
        if version not in self._compared:
            self._compared[version] = self._compare(version)
        return self._compared[version]

    def _compare(self, version: str) -> Comparison:
        try:
            with self._registry.package(version) as folder:
                scorer = load_package(folder).scorer
                trained_on = read_training_rows(folder)
        except (ScorerError, NotFoundError) as error:
            reason = f"version {version} cannot be read ({error})"
            return Comparison(version, self.candidate_score(), None, reason)
        rows, remark = self._fair_rows(trained_on)
        candidate = self._score(self._candidate, rows)
        rival = self._score(scorer.predict_proba(self._texts)[:, 1], rows)
        reason = (
            f"{self.metric} {candidate:.4f} against {rival:.4f} of version {version} on {remark}"
        )
        return Comparison(version, candidate, rival, reason)

    def _fair_rows(self, trained_on: NDArray[np.uint64] | None) -> tuple[NDArray[np.bool_], str]:
        every = np.ones(len(self._labels), dtype=bool)
        if trained_on is None:
            return every, f"{len(every)} held-out rows (its training rows are not known)"
        unseen = ~np.isin(self._fingerprints, trained_on)
        n_seen = len(every) - int(unseen.sum())
        if not n_seen:
            return every, f"{len(every)} held-out rows"
        if unseen.sum() < _MIN_FAIR_ROWS or len(np.unique(self._labels[unseen])) == 1:
            return every, f"{len(every)} held-out rows, though it was trained on {n_seen} of them"
        return unseen, (
            f"{int(unseen.sum())} of {len(every)} held-out rows (it was trained on the others)"
        )

    def _score(self, probabilities: NDArray[np.float64], rows: NDArray[np.bool_]) -> float:
        return evaluate(self._labels[rows], probabilities[rows]).metrics()[self.metric]


def promote(registry: Registry, candidate: str, judge: Judge) -> Decision:
    """Make a candidate champion if it is strictly better, and record the decision on its version.

    Parameters
    ----------
    registry : Registry
        The registered model.
    candidate : str
        Version of the candidate.
    judge : Judge
        Holds the candidate's scorer and held-out rows.

    Returns
    -------
    Decision
        What happened and why.
    """
    decision = _decide(registry, candidate, judge)
    logger.info("Version %s: %s (%s)", candidate, decision.verdict, decision.reason)
    _record(registry, candidate, decision)
    return decision


def _decide(registry: Registry, candidate: str, judge: Judge) -> Decision:
    claims_before = _claims(registry)
    champion = registry.champion()
    comparison = judge.compare(champion) if champion not in {None, candidate} else None
    if comparison and not _candidate_wins(comparison, judge.metric):
        return _decision("kept", comparison.reason, judge, comparison)
    registry.set_tags(candidate, {CLAIM_TAG: datetime.now(UTC).isoformat()})
    registry.make_champion(candidate)
    rivals_before = claims_before | {candidate}
    if champion:
        rivals_before.add(champion)
    winner = _settle(registry, candidate, judge, rivals_before)
    if winner != candidate:
        better = judge.compare(winner)
        reason = f"{better.reason}, which was promoted at the same time"
        return _decision("superseded", reason, judge, better)
    if comparison:
        reason = comparison.reason
    else:  # a repeated task finds its own work
        reason = "it was the champion already" if champion else "there was no champion"
    return _decision("promoted", reason, judge, comparison)


def _settle(registry: Registry, candidate: str, judge: Judge, known: set[str]) -> str:
    """Let the best of all promotions at once stay champion, and return it."""
    for _ in range(_MAX_ROUNDS):
        current = registry.champion()
        rivals = _claims(registry) - known
        winner = _best(candidate, rivals, judge)
        if current == winner:
            return winner
        registry.make_champion(winner)
    current = registry.champion() or candidate
    logger.warning("Promotions keep replacing each other; the champion is version %s", current)
    return current


def _best(candidate: str, rivals: Iterable[str], judge: Judge) -> str:
    """Choose by the figure; of equal ones the older version, so that all choose the same."""
    best, best_score = candidate, judge.candidate_score()
    for rival in sorted(rivals, key=int):
        score = judge.compare(rival).rival_score
        if score is None:
            continue
        older = score == best_score and int(rival) < int(best)
        if older or is_better(score, best_score, judge.metric):
            best, best_score = rival, score
    return best


def _candidate_wins(comparison: Comparison, metric: MetricName) -> bool:
    if comparison.rival_score is None:
        return True
    return is_better(comparison.candidate_score, comparison.rival_score, metric)


def _claims(registry: Registry) -> set[str]:
    return {info.version for info in registry.versions() if CLAIM_TAG in info.tags}


def _decision(
    verdict: Verdict, reason: str, judge: Judge, comparison: Comparison | None
) -> Decision:
    return Decision(
        verdict=verdict,
        reason=reason,
        metric=judge.metric,
        candidate_score=comparison.candidate_score if comparison else judge.candidate_score(),
        champion_version=comparison.version if comparison else None,
        champion_score=comparison.rival_score if comparison else None,
    )


def _record(registry: Registry, candidate: str, decision: Decision) -> None:
    values = {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "metric": decision.metric,
        "candidate_score": decision.candidate_score,
        "champion_version": decision.champion_version,
        "champion_score": decision.champion_score,
        "decided_at": datetime.now(UTC).isoformat(),
    }
    tags = {
        f"{_TAG_PREFIX}{name}": str(value) for name, value in values.items() if value is not None
    }
    registry.set_tags(candidate, tags)


def read_decision(tags: Mapping[str, str]) -> Decision | None:
    """Read the decision that stands on a version.

    Parameters
    ----------
    tags : mapping of str to str
        Tags of the version.

    Returns
    -------
    Decision or None
        None if nothing was decided.
    """
    values = {
        name.removeprefix(_TAG_PREFIX): value
        for name, value in tags.items()
        if name.startswith(_TAG_PREFIX)
    }
    if "verdict" not in values:
        return None
    scores = (values.get("candidate_score"), values.get("champion_score"))
    candidate_score, champion_score = (float(score) if score else None for score in scores)
    return Decision(
        verdict=cast("Verdict", values["verdict"]),
        reason=values["reason"],
        metric=cast("MetricName", values["metric"]),
        candidate_score=candidate_score,
        champion_version=values.get("champion_version"),
        champion_score=champion_score,
    )
