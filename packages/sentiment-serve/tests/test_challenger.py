"""The challenger's share, and work beside the requests."""

import asyncio
import threading

import pytest
from prometheus_client import Counter

from sentiment_serve.prediction.background import BackgroundWorker, BoundedQueue
from sentiment_serve.prediction.recent import RecentPredictions
from tests.support.tiny_models import make_scorer

pytestmark = pytest.mark.anyio


@pytest.fixture
def rivals(registry):
    """The challenger says the opposite."""
    registry.add("1", make_scorer(4.0))
    registry.add("2", make_scorer(-4.0), alias="challenger")
    return registry


async def eventually(condition):
    for _ in range(250):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_a_split_answers_its_share_and_says_so(start, rivals):
    async with start(challenger_mode="split", challenger_percent=30) as running:
        versions = []
        for number in range(600):
            answer = await running.predict(**{"X-Sticky-Key": f"user-{number}"})
            expected = "champion" if answer.json()["model_version"] == "1" else "challenger"
            assert answer.headers["x-model-alias"] == expected
            versions.append(answer.json()["model_version"])
        assert 120 < versions.count("2") < 240
        again = [
            (await running.predict(**{"X-Sticky-Key": f"user-{number}"})).json()["model_version"]
            for number in range(100)
        ]
        assert again == versions[:100]


async def test_a_split_without_a_challenger_is_all_champion(start, registry):
    registry.add("1")
    async with start(challenger_mode="split", challenger_percent=100) as running:
        assert (await running.predict()).json()["model_version"] == "1"


async def test_a_challenger_that_is_taken_away_stops_answering(start, rivals):
    async with start(challenger_mode="split", challenger_percent=100) as running:
        assert (await running.predict()).json()["model_version"] == "2"
        del rivals.aliases["challenger"]
        await running.state.watcher.check()
        assert (await running.predict()).json()["model_version"] == "1"


async def test_a_shadow_never_answers_but_is_compared(start, rivals):
    async with start(challenger_mode="shadow", challenger_percent=100) as running:
        for text in ("good", "bad", "neither"):
            assert (await running.predict(text)).json()["model_version"] == "1"
        name = "sentiment_shadow_predictions_total"

        async def all_compared():
            return await running.metric(name) == 3

        await eventually(all_compared)
        assert await running.metric(f'{name}{{agree="false",challenger="2",champion="1"}}') == 2


def test_a_full_queue_drops_and_counts_and_never_waits():
    release, handled = threading.Event(), []

    def handle(item):
        release.wait()
        handled.append(item)

    dropped = Counter("dropped", "dropped", registry=None)
    worker = BackgroundWorker("test", handle, dropped, BoundedQueue(10))
    worker.start()
    for number in range(100):
        worker.submit(number, 1)
    release.set()
    worker.stop()
    assert 10 <= len(handled) <= 11
    assert dropped._value.get() == 100 - len(handled)


def test_a_failing_handler_does_not_end_the_worker():
    handled = []

    def handle(item):
        if item == "bad":
            raise OSError("disk full")
        handled.append(item)

    dropped = Counter("dropped", "dropped", registry=None)
    worker = BackgroundWorker("test", handle, dropped, BoundedQueue())
    worker.start()
    for item in ("a", "bad", "b"):
        worker.submit(item, 1)
    worker.stop()
    assert handled == ["a", "b"]
    assert dropped._value.get() == 1


def test_what_there_is_no_time_for_is_counted():
    release = threading.Event()
    dropped = Counter("dropped", "dropped", registry=None)
    worker = BackgroundWorker("test", lambda _: release.wait(), dropped, BoundedQueue())
    worker.start()
    for number in range(5):
        worker.submit(number, 1)
    worker.stop(timeout=0.1)
    assert dropped._value.get() >= 4
    release.set()


def test_recent_predictions_are_common_to_all_workers(tmp_path):
    first, second = (RecentPredictions(tmp_path / "recent") for _ in range(2))
    first.remember("a", "negative", "12")
    assert second.find("a") == ("negative", "12", False)
    assert second.find("b") is None
    second.mark_answered("a")
    assert first.find("a").answered is True
    first.close()
    second.close()
    reopened = RecentPredictions(tmp_path / "recent")
    assert reopened.find("a") == ("negative", "12", True)
    reopened.close()
