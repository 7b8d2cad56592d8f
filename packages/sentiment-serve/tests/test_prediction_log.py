"""The prediction log: what a line holds, what it survives, and that every record is counted."""

import hmac
import json
import logging
import threading
import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from prometheus_client import CollectorRegistry

from sentiment_core.errors import UnreachableError
from sentiment_core.prediction import Prediction
from sentiment_core.store_settings import StoreSettings
from sentiment_serve.metrics import PredictionLogMetrics, ServeMetrics
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.prediction.log import PredictionLog, open_prediction_log
from sentiment_serve.prediction.log_batch import Batch
from sentiment_serve.prediction.log_folder import BoundedFolder, FolderDestination
from sentiment_serve.prediction.log_records import PredictionRecord, TextRule
from sentiment_serve.prediction.log_spool import Spool
from sentiment_serve.prediction.shared_lock import SharedLock
from sentiment_serve.settings import ServeSettings
from tests.support.log_machine import FolderLogMachine, LogMachine, total
from tests.support.tiny_models import make_model_of_version

pytestmark = pytest.mark.anyio

LIMIT = 16 << 20


def lines(folder):
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.jsonl"))]
    return [json.loads(line) for content in contents for line in content.splitlines()]


def record(text="good", request_id="r", version="1"):
    model = make_model_of_version("champion", version)
    return PredictionRecord(request_id, model, text, Prediction("positive", 0.9, False))


class MemoryStore:
    """A bucket that can be away, and that can keep a caller waiting."""

    uri = "memory"

    def __init__(self):
        self.objects, self.error, self.answers = {}, None, threading.Event()
        self.answers.set()

    def put(self, key, content):
        self.answers.wait()
        if self.error:
            raise self.error
        self.objects[key] = content

    def lines(self):
        contents = list(self.objects.values())
        return [json.loads(line) for content in contents for line in content.splitlines()]


@pytest.fixture
def metrics():
    return PredictionLogMetrics(CollectorRegistry())


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def make_log(tmp_path, metrics, store):
    """Make logs that stop at the end."""
    logs = []

    def make(*, spool=None, interval=0.05, timeout=5.0):
        if spool:
            folder = BoundedFolder(spool, LIMIT, metrics.lost.labels("spool_full").inc)
            destination = Spool(folder, lambda: store, metrics)
        else:
            destination = FolderDestination(
                BoundedFolder(tmp_path / "log", LIMIT, metrics.expired.inc)
            )
        rule = TextRule(key=b"k", with_text=False)
        logs.append(PredictionLog(destination, rule, metrics, interval=interval, timeout=timeout))
        return logs[-1]

    yield make
    store.answers.set()
    for log in logs:
        log.stop()


def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def lost(metrics, reason):
    return metrics.lost.labels(reason)._value.get()


async def test_a_line_holds_a_keyed_hash_instead_of_the_text(start, registry, tmp_path):
    registry.add("4")
    folder = tmp_path / "log"
    options = {"prediction_log": "file", "prediction_log_path": str(folder)}
    async with start(**options, prediction_log_key="k") as running:
        answer = await running.predict("good secret", **{"X-Request-ID": "r1"})
    (path,) = folder.glob("*.jsonl")
    assert "secret" not in path.read_text()
    (entry,) = lines(folder)
    assert entry["type"] == "prediction"
    assert entry["request_id"] == "r1"
    assert entry["version"] == "4"
    assert entry["sentiment"] == "positive"
    assert entry["confidence"] == answer.json()["confidence"]
    assert entry["low_information"] is False
    assert entry["terms_matched"] == 1
    assert entry["text_hmac"] == hmac.new(b"k", b"good secret", "sha256").hexdigest()


async def test_a_line_holds_the_text_only_when_asked_for(start, registry, tmp_path):
    registry.add("4")
    async with start(prediction_log="file", prediction_log_text=True) as running:
        headers = {"X-Request-ID": "b"}
        body = {"texts": ["good", "unheard"]}
        await running.client.post("/predict/batch", json=body, headers=headers)
    entries = lines(tmp_path / "home" / "log")
    assert [
        (entry["request_id"], entry["text"], entry["low_information"]) for entry in entries
    ] == [
        ("b.0", "good", False),
        ("b.1", "unheard", True),
    ]


async def test_a_true_label_is_recorded_beside_its_prediction_once(start, registry, tmp_path):
    registry.add("4")
    async with start(prediction_log="file") as running:
        await running.predict("good", **{"X-Request-ID": "r1"})
        for label in ("negative", "negative", "positive"):
            body = {"request_id": "r1", "sentiment": label}
            answer = await running.client.post("/feedback", json=body)
        assert answer.status_code == 409
    prediction, feedback = lines(tmp_path / "home" / "log")
    assert feedback.pop("id") != prediction["id"]
    assert feedback.pop("time") >= prediction["time"]
    assert feedback == {
        "type": "feedback", "request_id": prediction["request_id"], "version": "4",
        "sentiment": "positive", "label": "negative", "correct": False,
    }  # fmt: skip


def test_the_time_is_that_of_the_prediction_and_ids_are_unique(make_log, tmp_path):
    log = make_log()
    before = datetime.now(UTC)
    for _ in range(3):
        log.record(record())
    after = datetime.now(UTC)
    time.sleep(0.2)
    log.start()
    log.stop()
    entries = lines(tmp_path / "log")
    assert len({entry["id"] for entry in entries}) == 3
    for entry in entries:
        assert before <= datetime.fromisoformat(entry["time"]) <= after


def test_what_cannot_be_encoded_or_rendered_stops_nothing(make_log, metrics, tmp_path):
    log = make_log()
    log.start()
    log.record(record("good \ud800", version="1\ud800"))
    log.record(record(text=5))
    log.record(record("good"))
    log.stop()
    assert [entry["version"] for entry in lines(tmp_path / "log")] == ["1?", "1"]
    assert lost(metrics, "error") == 1
    assert total(metrics.accepted) == total(metrics.written) + total(metrics.lost) == 3


def test_an_outage_is_survived_on_disk_and_in_order(make_log, store, metrics, tmp_path):
    store.error = UnreachableError("away")
    log = make_log(spool=tmp_path / "spool")
    log.start()
    for number in range(2500):
        log.record(record(request_id=str(number)))
    eventually(lambda: metrics.failed_writes.labels("store")._value.get() > 0)
    eventually(lambda: len(lines(tmp_path / "spool")) == 2500)
    assert total(metrics.written) == 0
    store.error = None
    log.stop()
    assert sorted(int(entry["request_id"]) for entry in store.lines()) == [*range(2500)]
    assert total(metrics.written) == 2500
    assert not list((tmp_path / "spool").glob("*.jsonl"))


def test_what_is_not_sent_at_the_end_is_sent_by_the_next_start(make_log, store, metrics, tmp_path):
    store.error = UnreachableError("away")
    log = make_log(spool=tmp_path / "spool", interval=60, timeout=0.5)
    log.start()
    for number in range(1500):
        log.record(record(request_id=str(number)))
    log.stop()
    assert total(metrics.lost) == 0
    assert store.objects == {}
    store.error = None
    next_log = make_log(spool=tmp_path / "spool")
    next_log.start()
    eventually(lambda: len(store.lines()) == 1500)
    next_log.stop()
    assert total(metrics.written) == total(metrics.accepted) == 1500


def test_a_store_that_hangs_holds_up_neither_the_records_nor_the_end(
    make_log, store, metrics, tmp_path
):
    store.answers.clear()
    log = make_log(spool=tmp_path / "spool", timeout=0.5)
    log.start()
    log.record(record())
    eventually(lambda: len(lines(tmp_path / "spool")) == 1)
    log.record(record())
    eventually(lambda: len(lines(tmp_path / "spool")) == 2)
    log.stop()
    assert total(metrics.lost) == 0


def test_without_a_usable_disk_records_go_to_the_store_at_once(make_log, store, metrics, tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    log = make_log(spool=tmp_path / "spool")
    log.start()
    log.record(record())
    eventually(lambda: store.lines())
    eventually(lambda: total(metrics.written) == 1)
    assert metrics.failed_writes.labels("spool")._value.get() == 1


def test_a_second_attempt_writes_the_same_object(metrics, tmp_path):
    """The first one arrived, but its answer was lost; and there is no disk to keep it on."""
    (tmp_path / "spool").write_text("a file where the folder should be")
    store = MemoryStore()
    folder = BoundedFolder(tmp_path / "spool", LIMIT, metrics.lost.labels("spool_full").inc)
    spool, batch = Spool(folder, lambda: store, metrics), Batch(1e9, 1, b"line\n")
    for _ in range(2):
        spool.write(batch)
    assert list(store.objects.values()) == [b"line\n"]


def test_a_file_that_makes_room_while_it_is_sent_is_counted_once(metrics, tmp_path):
    folder = BoundedFolder(tmp_path, 2 * 4096, metrics.lost.labels("spool_full").inc)

    class Slow(MemoryStore):
        def put(self, *_):
            with folder.writing():
                for number in range(2):
                    folder.write(f"{number}.jsonl", b"newer\n")

    spool = Spool(folder, Slow, metrics)
    spool.write(Batch(1e9, 3, b"line\n" * 3))
    spool.send()
    assert lost(metrics, "spool_full") == 3
    assert total(metrics.written) == 0


def test_what_no_place_takes_is_bounded_and_counted(make_log, metrics, tmp_path, caplog):
    (tmp_path / "log").write_text("a file where the folder should be")
    log = make_log(timeout=0.3)
    log.start()
    one = record()
    for _ in range(24_000):
        log.record(one)
    log.stop()
    accepted, written = total(metrics.accepted), total(metrics.written)
    assert (accepted, written) == (24_000, 0)
    assert lost(metrics, "queue_full") >= 24_000 - 10_000 - 1_000
    assert lost(metrics, "queue_full") + lost(metrics, "shutdown") == 24_000
    assert metrics.failed_writes.labels("folder")._value.get() >= 1
    log.record(record())  # of a request that ended late
    assert lost(metrics, "shutdown") + lost(metrics, "queue_full") == 24_001
    (ended,) = [line for line in caplog.records if "has ended" in line.message]
    assert ended.levelno == logging.WARNING
    assert ended.accepted == 24_000


def test_a_queue_of_long_texts_is_bounded_by_their_size(make_log, metrics):
    log = make_log()
    for _ in range(100):
        log.record(record("long " * 100_000))
    assert 30 < lost(metrics, "queue_full") < 70


def test_a_folder_keeps_the_newest_over_writers_and_starts(tmp_path):
    deleted = []
    for number in range(30):  # each is another start, or another worker
        folder = BoundedFolder(tmp_path, 10 * 4096, deleted.append)
        (tmp_path / ".part-dead").touch()
        with folder.writing():
            folder.write(f"{number:02}.jsonl", b"line\n" * 2)
    assert folder.names() == [f"{number}.jsonl" for number in range(20, 30)]
    assert deleted == [2] * 20
    assert not list(tmp_path.glob(".part-*"))


def test_a_shared_lock_waits_no_longer_than_asked_for(tmp_path):
    first, second = (SharedLock(tmp_path / "lock") for _ in range(2))
    with first.held(1):
        for other in (first, second):
            with pytest.raises(TimeoutError), other.held(0.05):
                raise AssertionError
    with second.held(0), SharedLock(tmp_path / "other").held(0):
        pass


def test_a_log_that_is_off_is_none_and_one_that_is_on_writes_nothing_yet(tmp_path):
    metrics = ServeMetrics(ModelHolder())
    assert open_prediction_log(ServeSettings(), StoreSettings(), metrics) is None
    options = ServeSettings(
        sentiment_home=tmp_path, prediction_log="s3", prediction_log_path="s3://bucket/log"
    )
    assert open_prediction_log(options, StoreSettings(), metrics)
    assert b"sentiment_prediction_log_spooled 0.0" in metrics.render()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["s3://", "s3:///prefix", "s3://a b/c"])
def test_an_address_that_can_never_work_is_refused(place):
    with pytest.raises(ValueError, match="names no bucket"):
        ServeSettings(prediction_log="s3", prediction_log_path=place)


@pytest.mark.parametrize("machine", [LogMachine, FolderLogMachine])
def test_every_record_is_accounted_for(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
