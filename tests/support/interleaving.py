"""Promotions, rollbacks and alias moves that take turns at every call of the registry.

Actors are threads of which one runs at a time. Before each call an actor hands over, and a schedule
says who goes on: it may leave an actor frozen for a while, or kill it. Time is the schedule's own.
"""

import threading
from dataclasses import dataclass, field

from sentiment_core.errors import NotFoundError, NotReadyError, ScorerError
from sentiment_core.registry_names import CHALLENGER, CHAMPION, PREVIOUS
from sentiment_train.registry.authority import Authority, read_state
from sentiment_train.registry.decision import Comparison, SetAlias, crown, reconcile
from sentiment_train.registry.lease import LEASE_TAG, LeaseLostError, LeaseTerms
from sentiment_train.registry.model_record import Snapshot
from sentiment_train.registry.promotion import promote_under_lease
from sentiment_train.registry.rollback import roll_back
from tests.support.promotion_rules import make_rule

TERMS = LeaseTerms(seconds=30.0, wait_seconds=10_000.0)
_STEP_SECONDS = 0.01
_PAUSE_SECONDS = 0.1
_GUARDED = ("set_alias", "delete_alias", "set_history")


class InMemoryRecord:
    """A registered model in memory; it does what `MlflowRecord` does (one contract tests both)."""

    def __init__(self, name, versions=()):
        self.name = name
        self.registered = set(versions)
        self.aliases, self.tags = {}, {}
        self.moves = []

    def read(self):
        return Snapshot(dict(self.aliases), dict(self.tags))

    def versions(self):
        return frozenset(self.registered)

    def set_alias(self, alias, version):
        if version not in self.registered:
            raise NotFoundError(f"{self.name} has no version {version}.")
        if alias == CHAMPION:
            self.moves.append((threading.current_thread().name, self.aliases.get(alias), version))
        self.aliases[alias] = version

    def delete_alias(self, alias):
        self.aliases.pop(alias, None)

    def set_tag(self, key, value):
        self.tags[key] = value

    def delete_tag(self, key):
        self.tags.pop(key, None)


class Killed(BaseException):
    """As SIGKILL: nothing of the actor reaches the registry any more."""


@dataclass
class Actor:
    """Who does what, and what befalls it at which of its calls."""

    name: str
    dies_at: int | None = None
    freezes_at: int | None = None
    freezes_for: float = 0.0
    result: object = None
    fault: BaseException | None = None
    done: bool = False
    steps: int = 0
    wakes: float = 0.0
    dead: bool = False
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class World:
    """The registry, the clock and the schedule."""

    def __init__(self, record, schedule):
        self.record, self.schedule = record, iter(schedule)
        self.time = 0.0
        self._turn = threading.Semaphore(0)
        self._last = None

    def run(self, actors):
        """Run `(actor, what it does with an authority)` pairs to their ends."""
        self.actors = [actor for actor, _ in actors]
        threads = [
            threading.Thread(target=self._live, args=pair, name=pair[0].name, daemon=True)
            for pair in actors
        ]
        for thread in threads:
            thread.start()
        while waiting := [actor for actor in self.actors if not actor.done]:
            ready = [actor for actor in waiting if actor.wakes <= self.time]
            if not ready:
                self.time = min(actor.wakes for actor in waiting)
                continue
            if self._last in ready:  # choice 0 is to go on
                ready.remove(self._last)
                ready.insert(0, self._last)
            self._last = ready[next(self.schedule, 0) % len(ready)]
            self._last.go.release()
            self._turn.acquire()
        for thread in threads:
            thread.join()

    def _live(self, actor, work):
        actor.go.acquire()
        view = _View(self, actor)
        try:
            actor.result = work(Authority(view, TERMS, clock=_Clock(self, actor), say=str))
        except BaseException as error:  # noqa: BLE001 - also Killed
            actor.fault = error
        actor.done = True
        self._turn.release()

    def hand_over(self, actor):
        self._turn.release()
        actor.go.acquire()

    def step(self, actor, call):
        """Let others run before a call; the actor may die or freeze here."""
        if actor.dead:
            raise Killed
        actor.steps += 1
        self.time += _STEP_SECONDS
        if actor.steps == actor.dies_at:
            actor.dead = True
            raise Killed
        if actor.steps == actor.freezes_at:
            # Between the look at the clock and the write no lease can help for longer.
            longest = TERMS.margin * 0.9 if call in _GUARDED else actor.freezes_for
            actor.wakes = self.time + min(actor.freezes_for, longest)
        self.hand_over(actor)


class _Clock:
    def __init__(self, world, actor):
        self._world, self._actor = world, actor

    def now(self):
        return self._world.time

    def pause(self, _seconds):
        self._actor.wakes = self._world.time + _PAUSE_SECONDS
        self._world.hand_over(self._actor)

    def every(self, _seconds, _call):
        return lambda: None


class _View:
    """The record as one actor sees it."""

    def __init__(self, world, actor):
        self._world, self._actor = world, actor
        self.name = world.record.name

    def __getattr__(self, call):
        def method(*arguments):
            kind = call
            if call == "set_tag" and not arguments[0].startswith(LEASE_TAG):
                kind = "set_history"
            self._world.step(self._actor, kind)
            return getattr(self._world.record, call)(*arguments)

        return method


class SkippingClock:
    """A clock for one command alone: waiting is passing."""

    def __init__(self, time=0.0):
        self.time = time

    def now(self):
        return self.time

    def pause(self, seconds):
        self.time += seconds

    def every(self, _seconds, _call):
        return lambda: None


class ScoreJudge:
    """Compares by scores that are known; one that is None is that of a damaged model."""

    rule = make_rule()

    def __init__(self, candidate, scores):
        self._candidate, self._scores = candidate, scores

    def candidate_score(self):
        return self._scores[self._candidate]

    def compare(self, version):
        rival = self._scores[version]
        return Comparison(version, self.candidate_score(), rival, f"{rival} of version {version}")


@dataclass(frozen=True)
class Plan:
    """What happens: versions with their scores, who acts on them, and the schedule."""

    scores: dict[str, float | None]
    history: tuple[str, ...]
    candidates: tuple[str, ...]
    rollbacks: int = 0
    crowned_by_hand: tuple[str, ...] = ()
    challenger: str | None = None
    schedule: tuple[int, ...] = ()
    deaths: dict[int, int] = field(default_factory=dict)
    freezes: dict[int, tuple[int, float]] = field(default_factory=dict)


def play(plan):
    """Play a plan, and one more command at its end; AssertionError if what is left is wrong."""
    record = InMemoryRecord("played", plan.scores)
    if plan.history:
        record.aliases[CHAMPION] = plan.history[-1]
        for version in plan.history:  # as it came to be
            record.aliases[CHAMPION] = version
            _settle(record)
        record.moves.clear()

    def load(version):
        if plan.scores[version] is None:
            raise ScorerError(f"version {version} is damaged")

    def promoter(version):
        def work(authority):
            while True:
                try:
                    return promote_under_lease(authority, version, ScoreJudge(version, plan.scores))
                except LeaseLostError:
                    continue  # as the task of the flow is repeated

        return work

    def by_hand(version):
        def work(authority):
            with authority.hold("set-alias") as held:
                held.require(version)
                held.execute(crown(held.state, version))

        return work

    def mark(authority):
        with authority.hold("challenger") as held:
            held.execute([SetAlias(CHALLENGER, plan.challenger)])

    works = [(f"promote {version}", promoter(version)) for version in plan.candidates]
    works += [("rollback", lambda authority: roll_back(authority, load))] * plan.rollbacks
    works += [(f"set {version}", by_hand(version)) for version in plan.crowned_by_hand]
    works += [("mark", mark)] if plan.challenger else []
    actors = []
    for number, (name, work) in enumerate(works):
        freezes_at, freezes_for = plan.freezes.get(number, (None, 0.0))
        actor = Actor(name, plan.deaths.get(number), freezes_at, freezes_for)
        actors.append((actor, work))
    world = World(record, plan.schedule)
    world.run(actors)
    _settle(record, world.time)
    check(plan, record, [actor for actor, _ in actors])
    return record, [actor for actor, _ in actors]


def _settle(record, time=0.0):
    with Authority(record, TERMS, clock=SkippingClock(time), say=str).hold("one more command"):
        pass


def check(plan, record, actors):
    """Say what must be true at rest."""
    scores = plan.scores
    for actor in actors:
        expected = (Killed, LeaseLostError, NotReadyError)
        assert actor.fault is None or isinstance(actor.fault, expected), repr(actor.fault)
        assert not isinstance(actor.fault, Killed) or actor.dies_at
        assert not isinstance(actor.fault, LeaseLostError) or actor.freezes_at
        assert not isinstance(actor.fault, NotReadyError) or actor.name == "rollback"
    assert not [tag for tag in record.tags if tag.startswith(LEASE_TAG)]

    stack = list(plan.history)
    for name, former, version in record.moves:
        assert former == (stack[-1] if stack else None)
        if name == "rollback":
            while stack.pop() and stack[-1] != version:
                assert scores[stack[-1]] is None  # only those that cannot serve are passed over
        else:
            if name.startswith("promote"):
                assert version == name.removeprefix("promote ")
                assert former is None or scores[former] is None or scores[version] > scores[former]
            stack.append(version)
    champion = record.aliases.get(CHAMPION)
    assert champion == (stack[-1] if stack else None)
    assert champion is None or champion in record.registered
    whole = all(score is not None for score in scores.values())
    if whole or not any(actor.dead for actor in actors):
        assert record.aliases.get(PREVIOUS) == (stack[-2] if len(stack) > 1 else None)
    assert reconcile(read_state(record)) == ()

    kept = [actor for actor in actors if actor.result and getattr(actor.result, "verdict", "")]
    served = {*plan.history[-1:], *(version for _, _, version in record.moves)}
    for actor in kept:
        decision, mine = actor.result, scores[actor.name.removeprefix("promote ")]
        if decision.verdict == "not-promoted":
            assert decision.champion_version in served
            assert scores[decision.champion_version] >= mine
        if not plan.rollbacks and not plan.crowned_by_hand:
            assert scores[champion] >= mine
    if plan.challenger and any(actor.name == "mark" and actor.done for actor in actors):
        marked = next(actor for actor in actors if actor.name == "mark")
        if not marked.dead and record.aliases.get(CHALLENGER) is None:
            assert plan.challenger in {version for _, _, version in record.moves}
