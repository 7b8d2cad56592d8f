"""Decides whether a candidate becomes champion, and lets it.

Both models are judged on the same held-out rows of the candidate's run. A registry cannot compare
and swap an alias, so every candidate leaves a claim on its version before it moves the alias and
reads the claims again afterwards: of several promotions at once, the last one to read sees all the
others, and the best of them stays champion.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter

from sentiment_core.params import MetricName
from sentiment_train.model.evaluation import is_better
from sentiment_train.registry.comparison import Comparison, HeldOutComparison
from sentiment_train.registry.versions import Registry
from sentiment_train.results import Decision, Verdict

logger = logging.getLogger(__name__)

_TAG_PREFIX: Final = "promotion."
CLAIM_TAG: Final = f"{_TAG_PREFIX}claimed_at"
_MAX_ROUNDS: Final = 20


def promote(registry: Registry, candidate: str, held_out: HeldOutComparison) -> Decision:
    """Make a candidate champion if it is strictly better, and record the decision on its version.

    The decision says what happened and why.
    """
    decision = _decide(registry, candidate, held_out)
    logger.info("Version %s: %s (%s)", candidate, decision.verdict, decision.reason)
    _record(registry, candidate, decision)
    return decision


def _decide(registry: Registry, candidate: str, held_out: HeldOutComparison) -> Decision:
    claims_before = _claims(registry)
    champion = registry.champion()
    comparison = held_out.compare(champion) if champion not in {None, candidate} else None
    if comparison and not _candidate_wins(comparison, held_out.metric):
        return _decision("kept", comparison.reason, held_out, comparison)
    registry.set_tags(candidate, {CLAIM_TAG: datetime.now(UTC).isoformat()})
    registry.make_champion(candidate)
    rivals_before = claims_before | {candidate}
    if champion:
        rivals_before.add(champion)
    winner = _settle(registry, candidate, held_out, rivals_before)
    if winner != candidate:
        better = held_out.compare(winner)
        reason = f"{better.reason}, which was promoted at the same time"
        return _decision("superseded", reason, held_out, better)
    if comparison:
        reason = comparison.reason
    else:  # a repeated task finds its own work
        reason = "it was the champion already" if champion else "there was no champion"
    return _decision("promoted", reason, held_out, comparison)


def _settle(
    registry: Registry, candidate: str, held_out: HeldOutComparison, known: set[str]
) -> str:
    """Let the best of all promotions at once stay champion, and return it."""
    for _ in range(_MAX_ROUNDS):
        current = registry.champion()
        rivals = _claims(registry) - known
        winner = _best(candidate, rivals, held_out)
        if current == winner:
            return winner
        registry.make_champion(winner)
    current = registry.champion() or candidate
    logger.warning("Promotions keep replacing each other; the champion is version %s", current)
    return current


def _best(candidate: str, rivals: Iterable[str], held_out: HeldOutComparison) -> str:
    """Choose by the figure; of equal ones the older version, so that all choose the same."""
    best, best_score = candidate, held_out.candidate_score()
    for rival in sorted(rivals, key=int):
        score = held_out.compare(rival).rival_score
        if score is None:
            continue
        older = score == best_score and int(rival) < int(best)
        if older or is_better(score, best_score, held_out.metric):
            best, best_score = rival, score
    return best


def _candidate_wins(comparison: Comparison, metric: MetricName) -> bool:
    if comparison.rival_score is None:
        return True
    return is_better(comparison.candidate_score, comparison.rival_score, metric)


def _claims(registry: Registry) -> set[str]:
    return {info.version for info in registry.versions() if CLAIM_TAG in info.tags}


def _decision(
    verdict: Verdict, reason: str, held_out: HeldOutComparison, comparison: Comparison | None
) -> Decision:
    return Decision(
        verdict=verdict,
        reason=reason,
        metric=held_out.metric,
        candidate_score=comparison.candidate_score if comparison else held_out.candidate_score(),
        champion_version=comparison.version if comparison else None,
        champion_score=comparison.rival_score if comparison else None,
    )


def _record(registry: Registry, candidate: str, decision: Decision) -> None:
    values = {**asdict(decision), "decided_at": datetime.now(UTC).isoformat()}
    tags = {
        f"{_TAG_PREFIX}{name}": str(value) for name, value in values.items() if value is not None
    }
    registry.set_tags(candidate, tags)


def read_decision(tags: Mapping[str, str]) -> Decision | None:
    """Read the decision that stands in the tags of a version; None if nothing was decided."""
    values = {
        name.removeprefix(_TAG_PREFIX): value
        for name, value in tags.items()
        if name.startswith(_TAG_PREFIX)
    }
    if "verdict" not in values:
        return None
    known = {field.name for field in fields(Decision)}
    return TypeAdapter(Decision).validate_python(
        {name: value for name, value in values.items() if name in known}
    )
