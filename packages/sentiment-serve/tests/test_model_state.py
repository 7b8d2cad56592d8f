"""The holder's state, and that everything that shows it follows from what the holder announces."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sentiment_core.errors import DeniedError, NotFoundError, RefusedError
from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.holder import (
    Absent,
    Dropped,
    Loaded,
    ModelHolder,
    Recovered,
    Unreachable,
)
from tests.support.tiny_models import make_model_of_version, make_scorer

ALIASES = st.sampled_from([CHAMPION, CHALLENGER])
VERSIONS = st.sampled_from(["1", "2", "3"])
REASONS = st.sampled_from(["The store is away.", "The registry is away."])


def info_gauges(metrics):
    """The alias and version of each gauge that is 1."""
    (family,) = metrics.model_info.collect()
    return {(s.labels["alias"], s.labels["version"]) for s in family.samples if s.value}


class HolderMachine(RuleBasedStateMachine):
    """Beside the holder goes a plain model of what has to be shown."""

    def __init__(self):
        super().__init__()
        self.holder = ModelHolder()
        self.metrics = ServeMetrics(self.holder)
        self.events = []
        self.holder.subscribe(self.events.append)
        self.serving, self.refused, self.absent, self.away = {}, {}, set(), {}

    @rule(alias=ALIASES, version=VERSIONS, from_cache=st.booleans())
    def load(self, alias, version, from_cache):
        self.holder.load(make_model_of_version(alias, version, from_cache))
        self.serving[alias] = version, from_cache
        self.refused.pop(alias, None)
        self.absent.discard(alias)

    @rule(alias=ALIASES)
    def confirm(self, alias):
        if alias in self.serving:
            self.holder.confirm(alias)
            self.serving[alias] = self.serving[alias][0], False
            self.refused.pop(alias, None)
            self.absent.discard(alias)

    @rule(alias=ALIASES, version=VERSIONS)
    def refuse(self, alias, version):
        self.holder.refuse(alias, version, "it is damaged")
        self.refused[alias] = version
        self.absent.discard(alias)

    @rule(alias=ALIASES)
    def remove(self, alias):
        self.holder.note_absent(alias, f"No {alias} exists.")
        self.absent.add(alias)
        self.refused.pop(alias, None)
        if alias == CHALLENGER:
            self.serving.pop(alias, None)

    @rule(alias=ALIASES, reason=REASONS)
    def fail(self, alias, reason):
        self.holder.note_unreachable(alias, "unreachable", reason)
        self.away[alias] = reason

    @rule(alias=ALIASES)
    def answer(self, alias):
        had = bool(self.away)
        self.holder.note_answer(alias)
        self.away.pop(alias, None)
        (family,) = self.metrics.alias_is_set.collect()
        shown = {sample.labels["alias"]: sample.value for sample in family.samples}
        assert shown[alias] == (alias not in self.absent)
        assert isinstance(self.events[-1], Recovered) <= (had and not self.away)

    @invariant()
    def what_serves_is_what_is_shown(self):
        serving = {alias: version for alias, (version, _) in self.serving.items()}
        for alias in (CHAMPION, CHALLENGER):
            model = self.holder.get(alias)
            assert (model.version if model else None) == serving.get(alias)
        assert info_gauges(self.metrics) == set(serving.items())

    @invariant()
    def what_is_degraded_is_shown_and_nothing_else(self):
        shown = self.holder.degradations()
        expected = [
            *set(self.away.values()),
            *(
                f"Version {version} (@{alias}) was refused"
                for alias, version in self.refused.items()
            ),
        ]
        if CHAMPION in self.serving:
            version, from_cache = self.serving[CHAMPION]
            if from_cache:
                expected.append("The champion comes from the cache")
            if CHAMPION in self.absent:
                expected.append(f"No champion exists. Version {version} keeps serving.")
        assert len(shown) == len(expected)
        for text in expected:
            assert any(line.startswith(text) for line in shown), (text, shown)


TestHolderMachine = HolderMachine.TestCase
TestHolderMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_each_change_is_announced_once():
    holder, events = ModelHolder(), []
    holder.subscribe(events.append)
    first, second = make_model_of_version(CHALLENGER, "1"), make_model_of_version(CHALLENGER, "2")
    holder.load(first)
    holder.load(second)
    holder.note_absent(CHALLENGER, "gone")
    holder.note_absent(CHALLENGER, "gone")
    assert events == [
        Loaded(first, None), Loaded(second, first), Dropped(second),
        Absent(CHALLENGER, "gone", None),
    ]  # fmt: skip


def test_an_outage_of_all_aliases_is_new_once_and_ends_once():
    holder, events = ModelHolder(), []
    holder.subscribe(events.append)
    for alias in (CHAMPION, CHALLENGER) * 2:
        holder.note_unreachable(alias, "unreachable", "away")
    for alias in (CHAMPION, CHALLENGER) * 2:
        holder.note_answer(alias)
    new = [event.is_new for event in events if isinstance(event, Unreachable)]
    assert new == [True, False, False, False]
    assert [type(event) for event in events].count(Recovered) == 1


@pytest.mark.anyio
class TestThroughTheApi:
    async def degraded(self, running):
        info = (await running.client.get("/model-info")).json()["degraded"]
        assert info == (await running.client.get("/readyz")).json()["degraded"]
        return info

    async def test_a_refused_challenger_is_forgotten_with_its_alias(self, start, registry):
        registry.add("1")
        (registry.add("2", make_scorer(2.0), alias=CHALLENGER) / "scorer.bin").unlink()
        async with start(challenger_mode="shadow") as running:
            (line,) = await self.degraded(running)
            assert line.startswith("Version 2 (@challenger) was refused: ")
            del registry.aliases[CHALLENGER]
            await running.state.watcher.check()
            assert await self.degraded(running) == []

    async def test_the_gauge_of_a_challenger_ends_with_it(self, start, registry):
        registry.add("1")
        registry.add("2", make_scorer(2.0), alias=CHALLENGER)
        async with start(challenger_mode="shadow") as running:
            name = 'sentiment_model_info{alias="challenger"'
            assert await running.metric(name) == 1
            del registry.aliases[CHALLENGER]
            await running.state.watcher.check()
            assert await running.metric(name) == 0
            assert await running.metric('sentiment_alias_is_set{alias="challenger"') == 0
            assert await running.metric('sentiment_model_info{alias="champion"') == 1

    async def test_a_champion_alias_that_is_taken_away_is_said(self, start, registry, caplog):
        registry.add("1")
        async with start() as running:
            registry.aliases.clear()
            for _ in range(3):
                await running.state.watcher.check()
            (line,) = await self.degraded(running)
            assert line.startswith("No champion exists: ")
            assert line.endswith(" Version 1 keeps serving.")
            assert (await running.client.get("/readyz")).status_code == 200
            assert await running.metric('sentiment_alias_is_set{alias="champion"') == 0
            said = [record for record in caplog.records if "No champion" in record.getMessage()]
            assert [record.levelname for record in said] == ["WARNING"]
            registry.aliases[CHAMPION] = "1"
            await running.state.watcher.check()
            assert await self.degraded(running) == []
            assert await running.metric('sentiment_alias_is_set{alias="champion"') == 1

    @pytest.mark.parametrize(
        "error",
        [
            DeniedError("The registry answers 403."),
            RefusedError("The registry answers 400 (registered_model_aliases)."),
            NotFoundError("The registry has no version 2."),
            AttributeError("'list' object has no attribute 'get'"),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_a_failing_alias_neither_drops_its_model_nor_stops_the_next(
        self, start, registry, error
    ):
        registry.add("1")
        registry.add("2", make_scorer(2.0), alias=CHALLENGER)
        async with start(challenger_mode="split", challenger_percent=100) as running:
            registry.failures = {CHALLENGER: error}
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "2"
            assert len(await self.degraded(running)) == 1
            registry.failures = {CHAMPION: error}
            registry.add("3", make_scorer(3.0), alias=CHALLENGER)
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "3"
            code = getattr(error, "code", "error")
            assert (
                await running.metric(f'sentiment_alias_check_failures_total{{reason="{code}"') >= 2
            )
            registry.failures = {}
            await running.state.watcher.check()
            assert await self.degraded(running) == []


WORKER = """
import signal, sys
from tests.support.tiny_models import make_model_of_version
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.holder import ModelHolder

holder = ModelHolder()
metrics = ServeMetrics(holder)
holder.load(make_model_of_version("champion", sys.argv[1]))
metrics.requests.labels("GET", "/", 200).inc()
if sys.argv[2:] == ["render"]:
    sys.stdout.write(metrics.render().decode())
else:
    print("ready", flush=True)
    signal.pause()
"""


def test_the_gauges_of_a_killed_worker_do_not_outlive_it(tmp_path):
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": "."}

    def render():
        command = [sys.executable, "-c", WORKER, "2", "render"]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        return result.stdout

    command = [sys.executable, "-c", WORKER, "1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "ready\n"
        assert 'version="1"' in render()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    page = render()
    assert 'sentiment_model_info{alias="champion",digest="d2",version="2"} 1.0' in page
    assert 'version="1"' not in page
    # What was counted stays counted.
    assert 'sentiment_requests_total{method="GET",route="/",status="200"} 3.0' in page
