"""Lets a candidate become champion if it is better, and records why or why not.

Both models are judged on the same held-out rows of the candidate's run, by the same figure, and a
gain that may be chance does not count. One promotion, rollback or alias move at a time holds the
lease of the registered model, so that the champion that a candidate was compared with is the one
that it replaces.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Protocol

from pydantic import TypeAdapter

from sentiment_core.params import PromotionParams
from sentiment_core.registry_names import DECISION_PREFIX, verdict_of
from sentiment_train.registry.authority import Authority
from sentiment_train.registry.decision import Comparison, decide
from sentiment_train.registry.versions import Registry
from sentiment_train.results import Decision

logger = logging.getLogger(__name__)


class Judge(Protocol):
    """What compares a candidate with the champion."""

    @property
    def rule(self) -> PromotionParams:
        """What it takes to be better."""
        ...

    def candidate_score(self) -> float:
        """Return the candidate's figure on all of its held-out rows."""
        ...

    def compare(self, version: str) -> Comparison:
        """Compare the candidate with a version on the same rows."""
        ...


def promote(registry: Registry, candidate: str, judge: Judge) -> Decision:
    """Make a candidate champion if it is better, and record the decision on its version.

    Parameters
    ----------
    registry : Registry
        The registered model.
    candidate : str
        A version.
    judge : Judge
        Compares the candidate with the champion.

    Raises
    ------
    BusyError
        If another process changes the registered model for too long.
    LeaseLostError
        If this one was held up for so long that another may have gone on.
    SentimentError
        If the champion cannot be read, which says nothing of its model.
    """
    decision = promote_under_lease(registry.authority, candidate, judge)
    logger.info("Version %s: %s (%s)", candidate, decision.verdict, decision.reason)
    _record(registry, candidate, decision)
    return decision


def promote_under_lease(authority: Authority, candidate: str, judge: Judge) -> Decision:
    """Make a candidate champion if it is better; see `promote`."""
    with authority.hold(f"promotion of version {candidate}") as held:
        champion = held.state.champion
        comparison = judge.compare(champion) if champion not in {None, candidate} else None
        decision, actions = decide(
            held.state, candidate, judge.rule, judge.candidate_score(), comparison
        )
        held.execute(actions)
        return decision


def _record(registry: Registry, candidate: str, decision: Decision) -> None:
    values = {**asdict(decision), "decided_at": datetime.now(UTC).isoformat()}
    tags = {
        f"{DECISION_PREFIX}{name}": None if value is None else str(value)
        for name, value in values.items()
    }
    registry.set_tags(candidate, tags)


def read_decision(tags: Mapping[str, str]) -> Decision | None:
    """Read the decision that stands in the tags of a version; None if nothing was decided."""
    values = {
        name.removeprefix(DECISION_PREFIX): value
        for name, value in tags.items()
        if name.startswith(DECISION_PREFIX)
    }
    if "verdict" not in values:
        return None
    values["verdict"] = verdict_of(values["verdict"])
    known = {field.name for field in fields(Decision)}
    return TypeAdapter(Decision).validate_python(
        {name: value for name, value in values.items() if name in known}
    )
