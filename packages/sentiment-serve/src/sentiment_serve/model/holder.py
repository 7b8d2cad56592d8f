"""Holds the models that answer and what is known about their source; announces each change.

Every change is one call of a method here, and every subscriber is told: metrics, logs and the
health routes never look for changes themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_serve.model.cache import LoadedModel


@dataclass(frozen=True)
class Refusal:
    """Why a version was not loaded; another try changes nothing."""

    version: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Outage:
    """Why an alias could not be followed; a later try may succeed."""

    code: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Attempted:
    """A version is fetched and checked."""

    alias: str


@dataclass(frozen=True)
class Loaded:
    """A model answers from now on, instead of `former`."""

    model: LoadedModel
    former: LoadedModel | None


@dataclass(frozen=True)
class Confirmed:
    """The source still names the model that answers, which came from the cache."""

    model: LoadedModel


@dataclass(frozen=True)
class Dropped:
    """A model does not answer any more: its alias was taken away."""

    model: LoadedModel


@dataclass(frozen=True)
class Refused:
    """A version failed its checks; `serving` keeps answering."""

    alias: str
    refusal: Refusal
    serving: LoadedModel | None


@dataclass(frozen=True)
class Absent:
    """The source names no version any more, or never has; `serving` keeps answering."""

    alias: str
    reason: str
    serving: LoadedModel | None


@dataclass(frozen=True)
class Unreachable:
    """An alias could not be followed; `is_new` if it could before, and no other had this reason."""

    alias: str
    outage: Outage
    is_new: bool
    serving: LoadedModel | None


@dataclass(frozen=True)
class Answered:
    """The source answered for an alias: whatever it said, it is there."""

    alias: str
    at: datetime
    is_set: bool


@dataclass(frozen=True)
class Recovered:
    """All aliases can be followed again."""


ModelEvent = (
    Attempted | Loaded | Confirmed | Dropped | Refused | Absent | Unreachable | Answered | Recovered
)
"""What the holder announces."""

Subscriber = Callable[[ModelEvent], None]


@dataclass(frozen=True)
class _AliasState:
    model: LoadedModel | None = None
    refusal: Refusal | None = None
    absence: str | None = None
    outage: Outage | None = None


class ModelHolder:
    """One immutable state for each alias; replacing a model is one assignment.

    A request reads a state once and keeps what it read. One thread at a time makes changes.
    """

    def __init__(self) -> None:
        self._states = dict.fromkeys((CHAMPION, CHALLENGER), _AliasState())
        self._subscribers: list[Subscriber] = []
        self.last_success: datetime | None = None

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell somebody of every change from now on."""
        self._subscribers.append(subscriber)

    @property
    def champion(self) -> LoadedModel | None:
        """The model that answers."""
        return self._states[CHAMPION].model

    @property
    def challenger(self) -> LoadedModel | None:
        """The candidate, if it is followed."""
        return self._states[CHALLENGER].model

    def get(self, alias: str) -> LoadedModel | None:
        """Return the model of an alias, if one is loaded."""
        return self._states[alias].model

    def note_attempt(self, alias: str) -> None:
        """Note that a version is about to be fetched and checked."""
        self._announce(Attempted(alias))

    def load(self, model: LoadedModel) -> None:
        """Let a model that passed its checks answer from now on."""
        state = self._states[model.alias]
        self._states[model.alias] = replace(state, model=model, refusal=None, absence=None)
        self._announce(Loaded(model, state.model))

    def confirm(self, alias: str) -> None:
        """Note that the source names the model that answers."""
        state = replace(self._states[alias], refusal=None, absence=None)
        from_cache = state.model if state.model and state.model.from_cache else None
        if from_cache:
            state = replace(state, model=replace(from_cache, from_cache=False))
        self._states[alias] = state
        if from_cache:
            self._announce(Confirmed(from_cache))

    def refuse(self, alias: str, version: str, reason: str) -> None:
        """Note that a version failed its checks."""
        state = self._states[alias]
        refusal = Refusal(version, reason, datetime.now(UTC))
        self._states[alias] = replace(state, refusal=refusal, absence=None)
        self._announce(Refused(alias, refusal, state.model))

    def note_absent(self, alias: str, reason: str) -> None:
        """Note that no version has the alias. A challenger goes; the last champion stays."""
        state = self._states[alias]
        kept = state.model if alias == CHAMPION else None
        self._states[alias] = replace(state, model=kept, refusal=None, absence=reason)
        if state.model and not kept:
            self._announce(Dropped(state.model))
        if state.absence != reason:
            self._announce(Absent(alias, reason, kept))

    def note_answer(self, alias: str) -> None:
        """Note that the source answered for an alias, after what it said was noted."""
        state = self._states[alias]
        self._states[alias] = replace(state, outage=None)
        self.last_success = datetime.now(UTC)
        self._announce(Answered(alias, self.last_success, is_set=state.absence is None))
        if state.outage and not self._outages():
            self._announce(Recovered())

    def note_unreachable(self, alias: str, code: str, reason: str) -> None:
        """Note that an alias could not be followed."""
        state = self._states[alias]
        is_new = not state.outage and reason not in {outage.reason for outage in self._outages()}
        since = state.outage.since if state.outage else datetime.now(UTC)
        outage = Outage(code, reason, since)
        self._states[alias] = replace(state, outage=outage)
        self._announce(Unreachable(alias, outage, is_new, state.model))

    def why_no_champion(self) -> str:
        """Say why there is no model that answers, and what to do."""
        state = self._states[CHAMPION]
        if state.outage:
            reason = state.outage.reason
        elif state.refusal:
            reason = f"Version {state.refusal.version} was refused: {state.refusal.reason}"
        elif state.absence:
            return state.absence
        else:
            reason = "The registry is being asked; try again in a moment."
        return f"No champion is loaded. {reason}"

    def degradations(self) -> list[str]:
        """Say in words what is not as it should be; the API answers all the same."""
        outages = {outage.reason: outage for outage in reversed(self._outages())}
        found = [
            f"{reason} Since {outage.since.isoformat()}." for reason, outage in outages.items()
        ]
        champion = self._states[CHAMPION]
        if champion.model and champion.model.from_cache:
            found.append("The champion comes from the cache; the registry has not confirmed it.")
        if champion.model and champion.absence:
            found.append(f"{champion.absence} Version {champion.model.version} keeps serving.")
        found += [
            f"Version {state.refusal.version} (@{alias}) was refused: {state.refusal.reason}"
            for alias, state in list(self._states.items())
            if state.refusal
        ]
        return found

    def _outages(self) -> list[Outage]:
        return [state.outage for state in list(self._states.values()) if state.outage]

    def _announce(self, event: ModelEvent) -> None:
        for subscriber in self._subscribers:
            subscriber(event)
