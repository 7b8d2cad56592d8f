"""What happens to the aliases of a registered model: pure functions of its state, no I/O, no clock.

The alias `champion` is the truth. Beside it stands the history of champions, a stack whose last
entry is the champion; the alias `previous` follows from it. Whatever stops between two writes, and
whoever moves an alias by hand in MLflow, leaves a state that `reconcile` makes whole: it is the one
place that says what follows from the champion.

* A promotion moves the alias first. If the history is not written any more, `reconcile` adds the
  champion to it: the promotion is done.
* A rollback shortens the history first. If the alias is not moved any more, `reconcile` adds the
  champion to it again: the rollback is not done.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NamedTuple

from sentiment_core.params import PromotionParams
from sentiment_core.registry_names import CHALLENGER, CHAMPION, PREVIOUS
from sentiment_train.model.evaluation import is_better
from sentiment_train.results import Decision

HISTORY_LENGTH: Final = 50
"""How many champions are remembered."""

_FIELDS: Final = {CHAMPION: "champion", PREVIOUS: "previous", CHALLENGER: "challenger"}


@dataclass(frozen=True)
class RegistryState:
    """The aliases with a meaning, the history of champions (None: never written), the versions."""

    champion: str | None = None
    previous: str | None = None
    challenger: str | None = None
    history: tuple[str, ...] | None = None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SetAlias:
    """Let an alias name a version."""

    alias: str
    version: str


@dataclass(frozen=True)
class DeleteAlias:
    """Remove an alias that is there."""

    alias: str


@dataclass(frozen=True)
class SetHistory:
    """Write the history of champions, the oldest first."""

    versions: tuple[str, ...]


Action = SetAlias | DeleteAlias | SetHistory
Actions = tuple[Action, ...]


class Comparison(NamedTuple):
    """A candidate and a rival on the same rows; a rival that cannot serve has no score.

    Attributes
    ----------
    p_value : float or None
        How probable such a gain is by chance.
    n_rows : int or None
        Rows that both were judged on.
    objection : str or None
        Why the candidate does not win, whatever its score is.
    guardrails : str or None
        What was found where the candidate may not be worse.
    """

    version: str
    candidate_score: float | None
    rival_score: float | None
    reason: str
    p_value: float | None = None
    n_rows: int | None = None
    objection: str | None = None
    guardrails: str | None = None


def after(state: RegistryState, actions: Iterable[Action]) -> RegistryState:
    """Return the state that actions lead to."""
    for action in actions:
        if isinstance(action, SetHistory):
            state = replace(state, history=action.versions)
        elif field := _FIELDS.get(action.alias):
            version = action.version if isinstance(action, SetAlias) else None
            state = replace(state, **{field: version})  # type: ignore[arg-type]
    return state


def reconcile(state: RegistryState) -> Actions:
    """Let history and `previous` follow the champion; nothing if they do already."""
    history = _history(state)
    actions: list[Action] = []
    if history != (state.history or ()):
        actions.append(SetHistory(history))
    earlier = former_champions(replace(state, history=history))
    if earlier and earlier[0] != state.previous:
        actions.append(SetAlias(PREVIOUS, earlier[0]))
    if not earlier and state.previous:
        actions.append(DeleteAlias(PREVIOUS))
    return tuple(actions)


def _history(state: RegistryState) -> tuple[str, ...]:
    """Add the champion if it is not the last, and leave out what is gone."""
    # A registry that has no history yet remembers one champion before this one.
    written = (state.previous,) if state.history is None else state.history
    exist = (
        version
        for version in (*written, state.champion)
        if version and (version in state.known or version == state.champion)
    )
    return tuple(version for version, _ in groupby(exist))[-HISTORY_LENGTH:]


def former_champions(state: RegistryState) -> tuple[str, ...]:
    """Name the champions before this one, the latest first, of a state that is reconciled."""
    history = state.history or ()
    return (history[:-1] if state.champion else history)[::-1]


def crown(state: RegistryState, version: str) -> Actions:
    """Make a version champion; it is no longer the challenger."""
    actions: Actions = () if state.champion == version else (SetAlias(CHAMPION, version),)
    if state.challenger == version:
        return (*_and_what_follows(state, actions), DeleteAlias(CHALLENGER))
    return _and_what_follows(state, actions)


def step_back(state: RegistryState, steps: int) -> Actions:
    """Make a former champion the champion again, and forget those after it.

    Parameters
    ----------
    state : RegistryState
        Reconciled.
    steps : int
        1 for the first of `former_champions`.
    """
    kept = former_champions(state)[steps - 1 :]
    return _and_what_follows(state, (SetHistory(kept[::-1]), SetAlias(CHAMPION, kept[0])))


def drop(state: RegistryState, alias: str) -> Actions:
    """Remove an alias; without a champion, the last one stays in the history."""
    return _and_what_follows(state, (DeleteAlias(alias),))


def _and_what_follows(state: RegistryState, actions: Actions) -> Actions:
    return (*actions, *reconcile(after(state, actions)))


def decide(
    state: RegistryState,
    candidate: str,
    rule: PromotionParams,
    score: float,
    comparison: Comparison | None,
) -> tuple[Decision, Actions]:
    """Decide whether a candidate becomes champion: only if it is better, and not by chance.

    Parameters
    ----------
    state : RegistryState
        Reconciled.
    candidate : str
        A version.
    rule : PromotionParams
        The figure that decides, and by how much it has to be better.
    score : float
        The candidate's own, on all of its held-out rows.
    comparison : Comparison, optional
        With the champion on the same rows; none if there is no other champion.

    Returns
    -------
    decision : Decision
        What happens, and why.
    actions : tuple of Action
        What makes it so.
    """
    if comparison is None:
        reason = "it was the champion already" if state.champion else "there was no champion"
        return Decision("promoted", reason, rule.metric, score), crown(state, candidate)
    wins, reason = _judge(comparison, rule)
    decision = Decision(
        verdict="promoted" if wins else "not-promoted",
        reason=reason,
        metric=rule.metric,
        candidate_score=comparison.candidate_score,
        champion_version=comparison.version,
        champion_score=comparison.rival_score,
        p_value=comparison.p_value,
        n_rows=comparison.n_rows,
        guardrails=comparison.guardrails,
    )
    return decision, crown(state, candidate) if wins else ()


def _judge(comparison: Comparison, rule: PromotionParams) -> tuple[bool, str]:
    mine, rival, reason = comparison.candidate_score, comparison.rival_score, comparison.reason
    if rival is not None and mine is not None and not is_better(mine, rival, rule.metric):
        return False, reason
    if comparison.objection:
        return False, f"{reason}; {comparison.objection}"
    if rival is None or mine is None or is_better(mine, rival, rule.metric, rule.min_gain):
        return True, reason
    return False, f"{reason}; promotion.min_gain is {rule.min_gain:g}"
