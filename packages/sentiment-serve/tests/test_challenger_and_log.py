"""The challenger's share, the prediction log, and work beside the requests."""

import asyncio
import hmac
import json
import threading

import pytest
from prometheus_client import Counter

from sentiment_core.folder_store import FolderStore
from sentiment_serve.prediction.background import BackgroundWorker
from sentiment_serve.prediction.log import StoreSink
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
            answer = await running.predict(**{"X-Request-Key": f"user-{number}"})
            expected = "champion" if answer.json()["model_version"] == "1" else "challenger"
            assert answer.headers["x-model-alias"] == expected
            versions.append(answer.json()["model_version"])
        assert 120 < versions.count("2") < 240
        again = [
            (await running.predict(**{"X-Request-Key": f"user-{number}"})).json()["model_version"]
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


async def test_the_log_holds_a_keyed_hash_instead_of_the_text(start, registry, tmp_path):
    registry.add("4")
    folder = tmp_path / "log"
    options = {"prediction_log": "file", "prediction_log_path": str(folder)}
    async with start(**options, prediction_log_key="k") as running:
        answer = await running.predict("a good secret", **{"X-Request-ID": "r1"})
    (path,) = folder.iterdir()
    (entry,) = map(json.loads, path.read_text().splitlines())
    assert "secret" not in path.read_text()
    assert entry["request_id"] == "r1"
    assert entry["version"] == "4"
    assert entry["sentiment"] == "positive"
    assert entry["confidence"] == answer.json()["confidence"]
    assert entry["low_information"] is False
    assert entry["terms_matched"] == 1
    assert entry["text_hmac"] == hmac.new(b"k", b"a good secret", "sha256").hexdigest()


async def test_the_log_holds_the_text_only_when_asked_for(start, registry, tmp_path):
    registry.add("4")
    async with start(prediction_log="file", prediction_log_text=True) as running:
        await running.client.post("/predict/batch", json={"texts": ["good", "unheard"]})
    (path,) = (tmp_path / "home" / "log").iterdir()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(entry["text"], entry["low_information"]) for entry in entries] == [
        ("good", False),
        ("unheard", True),
    ]


def test_lines_are_held_while_the_store_is_away_and_sent_when_it_is_back(tmp_path, caplog):
    folder = tmp_path / "bucket"
    folder.write_text("a file where the store should be")
    dropped = Counter("lost", "lost", registry=None)
    sink = StoreSink(FolderStore(folder), dropped)
    for number in range(1000):
        sink.write(f"line {number}")
    assert "cannot be sent" in caplog.text
    folder.unlink()
    sink.close()
    (path,) = folder.rglob("*.jsonl")
    assert path.read_text().splitlines() == [f"line {number}" for number in range(1000)]
    assert dropped._value.get() == 0


def test_what_a_store_never_took_is_counted(tmp_path):
    (tmp_path / "bucket").write_text("a file where the store should be")
    dropped = Counter("lost", "lost", registry=None)
    sink = StoreSink(FolderStore(tmp_path / "bucket"), dropped)
    for number in range(12_500):
        sink.write(str(number))
    assert dropped._value.get() == 2000
    sink.close()
    assert dropped._value.get() == 12_500


def test_a_full_queue_drops_and_counts_and_never_waits():
    release, handled = threading.Event(), []

    def handle(item):
        release.wait()
        if item is not None:
            handled.append(item)

    dropped = Counter("dropped", "dropped", registry=None)
    worker = BackgroundWorker("test", handle, dropped, capacity=10, idle_seconds=0.01)
    worker.start()
    for number in range(100):
        worker.submit(number)
    release.set()
    worker.stop()
    assert 10 <= len(handled) <= 11
    assert dropped._value.get() == 100 - len(handled)


def test_a_failing_handler_does_not_end_the_worker():
    handled = []

    def handle(item):
        if item == "bad":
            raise OSError("disk full")
        if item is not None:
            handled.append(item)

    dropped = Counter("dropped", "dropped", registry=None)
    worker = BackgroundWorker("test", handle, dropped, idle_seconds=0.01)
    worker.start()
    for item in ("a", "bad", "b"):
        worker.submit(item)
    worker.stop()
    assert handled == ["a", "b"]
    assert dropped._value.get() == 1


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
