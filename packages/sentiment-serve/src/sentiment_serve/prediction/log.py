"""The prediction log: JSON lines of predictions and true labels, in a folder or in an S3 bucket.

A request only puts a record into a bounded queue. One thread gathers records and writes them as
complete files; for a bucket these files are a spool, which a second thread empties. Whatever does
not get through is counted, by reason.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

from sentiment_core.object_store import ObjectStore
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from sentiment_serve.metrics import PredictionLogMetrics, ServeMetrics
from sentiment_serve.prediction.background import BoundedQueue
from sentiment_serve.prediction.log_folder import BoundedFolder, FolderDestination
from sentiment_serve.prediction.log_ledger import Ledger
from sentiment_serve.prediction.log_records import Entry, Record, TextRule
from sentiment_serve.prediction.log_spool import Spool
from sentiment_serve.prediction.log_writer import BATCH_RECORDS, LogWriter
from sentiment_serve.prediction.retry import Retry
from sentiment_serve.settings import ServeSettings

logger = logging.getLogger(__name__)

_GATHER_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 1.0


class PredictionLog:
    """Records predictions and true labels beside the requests.

    Parameters
    ----------
    destination : FolderDestination or Spool
        Where lines go; what a spool holds is sent on.
    texts : TextRule
        What is recorded of texts.
    metrics : PredictionLogMetrics
        Counts what became of each record.
    interval : float
        Seconds that a record is in memory alone at most.
    timeout : float
        Seconds at the end in which the rest is written.
    """

    def __init__(
        self,
        destination: FolderDestination | Spool,
        texts: TextRule,
        metrics: PredictionLogMetrics,
        *,
        interval: float,
        timeout: float,
    ) -> None:
        self._metrics = metrics
        self._timeout = timeout
        worker = secrets.token_hex(6)
        self._ledger = Ledger(metrics)
        self._queue: BoundedQueue[Entry] = BoundedQueue()
        self._writer = LogWriter(
            self._queue,
            lambda entry: entry.render(worker, texts),
            destination,
            self._ledger,
            metrics.failed_writes.labels("store" if isinstance(destination, Spool) else "folder"),
            interval=interval,
        )
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._writing = _thread("prediction-log", self._write)
        self._threads = [self._writing]
        if isinstance(destination, Spool):
            self._threads.append(_thread("prediction-log-sender", partial(self._send, destination)))

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def record(self, record: Record) -> None:
        """Take a record, or count it as lost if there is no room for it."""
        entry = Entry(self._ledger.accept(), time.time(), record)
        if not self._queue.put(entry, record.size):
            self._ledger.lost("queue_full")

    def stop(self) -> None:
        """Write what waits, as far as there is time; the rest is lost and counted."""
        self._deadline = time.monotonic() + self._timeout
        self._stopping.set()
        self._queue.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(self._deadline - time.monotonic(), 0))
        self._queue.close()
        lost = self._ledger.end()
        logger.log(
            logging.WARNING if lost else logging.INFO,
            "the prediction log has ended",
            extra=self._metrics.totals() | {"lost_at_the_end": lost},
        )

    def _is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def _write(self) -> None:
        while not self._is_over():
            stopping = self._stopping.is_set()
            try:
                self._writer.step(flush=stopping)
                self._ledger.publish()
                if stopping and self._writer.idle:
                    return
                self._wait_for_records()
            except Exception:
                self._metrics.failed_writes.labels("log").inc()
                logger.exception("the prediction log goes on after an error")
                time.sleep(_RETRY_SECONDS)

    def _wait_for_records(self) -> None:
        seconds = max(self._writer.seconds_to_next(), 0)
        if self._writer.is_blocked:
            self._stopping.wait(seconds)
            if self._stopping.is_set():
                time.sleep(_RETRY_SECONDS)
        elif self._stopping.is_set():
            return
        elif self._queue.wait(seconds) and len(self._queue) < BATCH_RECORDS:
            self._stopping.wait(_GATHER_SECONDS)

    def _send(self, spool: Spool) -> None:
        retry = Retry("the prediction log cannot be sent", time.monotonic)
        while not self._is_over():
            stopping = self._stopping.is_set()
            try:
                spool.send(self._is_over)
            except Exception as error:  # noqa: BLE001 - the retry logs it
                self._metrics.failed_writes.labels("store").inc()
                retry.failed(error)
            else:
                retry.succeeded()
                if stopping and not self._writing.is_alive() and not spool.waiting():
                    return
            self._stopping.wait(max(retry.seconds, _LOOK_SECONDS))
            if stopping:
                time.sleep(_RETRY_SECONDS)


def _thread(name: str, run: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=run, name=name, daemon=True)


def open_prediction_log(
    settings: ServeSettings, stores: StoreSettings, metrics: ServeMetrics
) -> PredictionLog | None:
    """Open the log that the settings ask for; None if it is off. Nothing is written yet."""
    if settings.prediction_log == "off":
        return None
    key = settings.prediction_log_key.get_secret_value().encode("utf-8", "surrogateescape")
    return PredictionLog(
        _open_destination(settings, stores, metrics.prediction_log),
        TextRule(key=key, with_text=settings.prediction_log_text),
        metrics.prediction_log,
        interval=settings.prediction_log_interval,
        timeout=settings.prediction_log_timeout,
    )


def _open_destination(
    settings: ServeSettings, stores: StoreSettings, metrics: PredictionLogMetrics
) -> FolderDestination | Spool:
    max_bytes, place = settings.prediction_log_max_bytes, settings.prediction_log_path
    if settings.prediction_log == "file":
        path = Path(place) if place else settings.home / "log"
        return FolderDestination(BoundedFolder(path, max_bytes, metrics.expired.inc))
    uri = str(place)

    def open_bucket() -> ObjectStore:
        return open_store(uri, stores)

    # Each bucket has its own: what waits for one must not go to another.
    path = settings.home / "log-spool" / blake2b(uri.encode(), digest_size=6).hexdigest()
    folder = BoundedFolder(path, max_bytes, metrics.lost.labels("spool_full").inc)
    spool = Spool(folder, open_bucket, metrics)
    metrics.watch_spool(spool.waiting)
    return spool
