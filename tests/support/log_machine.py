"""The prediction log as a state machine: workers, crashes, restarts, and what they write to."""

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from sentiment_core.errors import DeniedError, UnreachableError
from sentiment_serve.metrics import PredictionLogMetrics
from sentiment_serve.prediction.background import BoundedQueue
from sentiment_serve.prediction.log_folder import BoundedFolder, FolderDestination
from sentiment_serve.prediction.log_ledger import Ledger
from sentiment_serve.prediction.log_records import Entry, FeedbackRecord, TextRule
from sentiment_serve.prediction.log_spool import Spool
from sentiment_serve.prediction.log_writer import LogWriter

WORKERS = 3
QUEUE_RECORDS = 40
INTERVAL = 10.0
MAX_BYTES = 24 << 10  # six blocks
STORE_FAULTS = [None, "away", "denied", "late", "late", "bug", "crash", "meanwhile"]
DISK_FAULTS = [None, None, "full", "full", "crash before", "crash after"]
TEXTS = TextRule(key=b"k", with_text=False)


class Crash(BaseException):
    """The process ends here."""


class Faults:
    """What the next writes meet; ``None`` is health."""

    store = None
    disk = None
    meanwhile = None


class UnsteadyStore:
    """A bucket in memory; it may fail before or after it has taken an object, or never return."""

    uri = "memory"

    def __init__(self, faults):
        self._faults = faults
        self.objects = {}

    def put(self, key, content):
        if self._faults.store == "away":
            raise UnreachableError("away")
        if self._faults.store == "denied":
            raise DeniedError("denied")
        assert self.objects.get(key, content) == content
        self.objects[key] = content
        if self._faults.store == "late":
            raise UnreachableError("taken, but the answer was lost")
        if self._faults.store == "bug":
            raise RuntimeError("whatever")
        if self._faults.store == "crash":
            raise Crash
        if self._faults.store == "meanwhile":
            self._faults.meanwhile()


class UnsteadyFolder(BoundedFolder):
    """A folder on a disk that may be full, and where the process may die before or after."""

    def __init__(self, *args, faults):
        super().__init__(*args)
        self._faults = faults

    def write(self, name, content):
        if self._faults.disk == "full":
            raise OSError(28, "No space left on device")
        if self._faults.disk == "crash before":
            raise Crash
        super().write(name, content)
        if self._faults.disk == "crash after":
            raise Crash


class Worker:
    """One life of one worker, without threads."""

    def __init__(self, name, folder, store, faults, clock):
        self.name = name
        self.metrics = PredictionLogMetrics(CollectorRegistry())
        self.ledger = Ledger(self.metrics)
        self.queue = BoundedQueue(QUEUE_RECORDS, 1 << 20)
        if store:
            deleted = self.metrics.lost.labels("spool_full").inc
            files = UnsteadyFolder(folder, MAX_BYTES, deleted, faults=faults)
            self.destination = Spool(files, lambda: store, self.metrics)
        else:
            files = UnsteadyFolder(folder, MAX_BYTES, self.metrics.expired.inc, faults=faults)
            self.destination = FolderDestination(files, clock)
        self.writer = LogWriter(
            self.queue, lambda entry: entry.render(name, TEXTS), self.destination, self.ledger,
            self.metrics.failed_writes.labels("x"), interval=INTERVAL, clock=clock,
        )  # fmt: skip

    def record(self):
        record = FeedbackRecord("r\ud800", "1", "positive", "negative")
        number = self.ledger.accept()
        if not self.queue.put(Entry(number, 1e9 + number, record), 100):
            self.ledger.lost("queue_full")


def total(counter):
    samples = [sample for metric in counter.collect() for sample in metric.samples]
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))


class LogMachine(RuleBasedStateMachine):
    """Workers that share a folder, and perhaps a store."""

    has_store = True

    @initialize()
    def begin(self):
        self.root = Path(tempfile.mkdtemp(prefix="sentiment-log-"))
        self.folder = self.root / "log"
        self.now = 0.0
        self.faults = Faults()
        self.faults.meanwhile = self._write_much
        self.store = UnsteadyStore(self.faults) if self.has_store else None
        self.lives = 0
        self.former = []
        self.crash_held = 0
        self.workers = [self._born() for _ in range(WORKERS)]

    def teardown(self):
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    def _born(self):
        self.lives += 1
        return Worker(f"w{self.lives}", self.folder, self.store, self.faults, lambda: self.now)

    def _write_much(self):
        """While a file is being sent, so much is written that it may have to make room."""
        self.faults.store = self.faults.disk = None
        for _ in range(8):
            self.workers[-1].record()
            self.workers[-1].writer.step(flush=True)

    def _crash(self, index):
        worker = self.workers[index]
        self.crash_held += worker.ledger.held
        worker.ledger.publish()
        self.former.append(worker)
        self.workers[index] = self._born()
        self.faults.store = self.faults.disk = None

    def _do(self, index, action):
        try:
            action(self.workers[index])
        except Crash:
            self._crash(index)
        except (OSError, UnreachableError, DeniedError, RuntimeError):
            assert self.faults.store or self.faults.disk

    @rule(worker=st.integers(0, WORKERS - 1), records=st.integers(1, 60))
    def answer(self, worker, records):
        for _ in range(records):
            self.workers[worker].record()

    @rule(worker=st.integers(0, WORKERS - 1), flush=st.booleans())
    def write(self, worker, flush):
        self._do(worker, lambda it: it.writer.step(flush=flush))

    @precondition(lambda self: self.has_store)
    @rule(worker=st.integers(0, WORKERS - 2))
    def send(self, worker):
        self._do(worker, lambda it: it.destination.send())

    @rule(seconds=st.sampled_from([1.0, 11.0, 4000.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule(store=st.sampled_from(STORE_FAULTS), disk=st.sampled_from(DISK_FAULTS))
    def meet(self, store, disk):
        self.faults.store, self.faults.disk = store, disk

    @rule(worker=st.integers(0, WORKERS - 1))
    def crash(self, worker):
        self._crash(worker)

    @rule(worker=st.integers(0, WORKERS - 1), turns=st.integers(0, 3))
    def end(self, worker, turns):
        """As after SIGTERM; the deadline comes after a few turns."""
        for _ in range(turns):
            life = self.workers[worker]
            self._do(worker, lambda it: it.writer.step(flush=True))
            if self.workers[worker] is not life:
                return
        ended = self.workers[worker]
        ended.ledger.end()
        ended.record()  # a request that was still under way
        assert ended.ledger.held == 0
        self.former.append(ended)
        self.workers[worker] = self._born()

    def sums(self):
        sums = Counter()
        for worker in [*self.former, *self.workers]:
            worker.ledger.publish()
            for name in ("accepted", "written", "lost", "expired"):
                sums[name] += total(getattr(worker.metrics, name))
        sums["held"] = sum(worker.ledger.held for worker in self.workers)
        return sums

    def files(self):
        return sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []

    def stored_ids(self):
        contents = (
            self.store.objects.values()
            if self.store
            else [path.read_bytes() for path in self.files()]
        )
        ids = [json.loads(line)["id"] for content in contents for line in content.splitlines()]
        assert len(ids) == len(set(ids)), "stored twice"
        return set(ids)

    @invariant()
    def every_record_is_accounted_for(self):
        sums = self.sums()
        spooled = self.workers[0].destination.waiting() if self.store else 0
        missing = sums["accepted"] - sums["written"] - sums["lost"] - sums["held"] - spooled
        assert 0 <= missing <= self.crash_held
        beyond = len(self.stored_ids()) + sums["expired"] - sums["written"]
        assert beyond >= 0
        if not self.store:
            assert beyond <= self.crash_held

    @invariant()
    def the_budget_holds(self):
        assert sum(max(path.stat().st_size, 4096) for path in self.files()) <= MAX_BYTES
        assert all(worker.ledger.held <= QUEUE_RECORDS + 1000 for worker in self.workers)

    @rule()
    def at_rest_all_is_stored(self):
        """When all faults are over, whatever was not counted as lost arrives."""
        self.faults.store = self.faults.disk = None
        for index, worker in enumerate(self.workers):
            while not worker.writer.idle:
                self._do(index, lambda it: it.writer.step(flush=True))
            if self.store:
                self._do(index, lambda it: it.destination.send())
        sums = self.sums()
        assert sums["held"] == 0
        stored = len(self.stored_ids()) + sums["expired"]
        assert stored >= sums["accepted"] - sums["lost"] - self.crash_held
        if self.store:
            assert not self.files()


class FolderLogMachine(LogMachine):
    has_store = False
