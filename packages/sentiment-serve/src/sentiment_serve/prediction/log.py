"""The prediction log: JSON lines in rotating files or in an S3 bucket."""

import hmac
import json
import logging
import os
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import Counter

from sentiment_core.errors import SentimentError
from sentiment_core.object_store import ObjectStore
from sentiment_core.prediction import Prediction
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.prediction.background import BackgroundWorker
from sentiment_serve.settings import ServeSettings

logger = logging.getLogger(__name__)

_FILE_BYTES: Final = 64 << 20
_FILES_KEPT: Final = 10
_BATCH_LINES: Final = 1000
_BATCH_SECONDS: Final = 30.0
_MAX_HELD_LINES: Final = 10_000


@dataclass(frozen=True)
class PredictionRecord:
    """One labelled text; it is rendered in the background."""

    request_id: str
    model: LoadedModel
    text: str
    prediction: Prediction


class LineSink(Protocol):
    """Takes the lines of the log."""

    def write(self, line: str | None) -> None:
        """Take a line, or None when there has been none for a while."""

    def close(self) -> None:
        """Write what is still held."""


class FileSink:
    """Rotating files, one set for each worker, in a folder that is created."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"predictions-{os.getpid()}.jsonl"
        self._handler = RotatingFileHandler(
            path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )

    def write(self, line: str | None) -> None:
        """Append a line, if there is one."""
        if line is not None:
            self._handler.emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


class StoreSink:
    """Objects of up to a thousand lines, named by date.

    While the store is away lines are held, up to a limit; beyond it the oldest are dropped and
    counted.
    """

    def __init__(self, store: ObjectStore, dropped: Counter) -> None:
        self._store = store
        self._dropped = dropped
        self._lines: list[str] = []
        self._oldest = time.monotonic()

    def write(self, line: str | None) -> None:
        """Hold a line; send all held lines when there are enough or they are old."""
        if line is not None:
            if not self._lines:
                self._oldest = time.monotonic()
            self._lines.append(line)
        waited = time.monotonic() - self._oldest
        full = len(self._lines) % _BATCH_LINES == 0 and line is not None
        if self._lines and (full or waited > _BATCH_SECONDS):
            self._send()

    def close(self) -> None:
        """Send what is held."""
        if self._lines:
            self._send()
        self._dropped.inc(len(self._lines))

    def _send(self) -> None:
        key = f"{datetime.now(UTC):%Y/%m/%d/%H%M%S}-{uuid.uuid4().hex}.jsonl"
        try:
            self._store.put(key, "".join(f"{line}\n" for line in self._lines).encode())
        except SentimentError as error:
            logger.warning("the prediction log cannot be sent: %s", error)
            excess = max(len(self._lines) - _MAX_HELD_LINES, 0)
            self._dropped.inc(excess)
            del self._lines[:excess]
            self._oldest = time.monotonic()
        else:
            self._lines.clear()


class PredictionLog:
    """Records predictions and true labels beside the requests.

    Parameters
    ----------
    key : bytes
        Key of the hash that stands for a text.
    with_text : bool
        Whether to record the texts themselves.
    """

    def __init__(
        self, sink: LineSink, metrics: ServeMetrics, *, key: bytes, with_text: bool
    ) -> None:
        self._sink = sink
        self._key = key or secrets.token_bytes(32)
        self._with_text = with_text
        self._worker = BackgroundWorker[PredictionRecord](
            "prediction-log", self._handle, metrics.dropped.labels("prediction_log")
        )

    def start(self) -> None:
        """Begin to write."""
        self._worker.start()

    def record(self, record: PredictionRecord) -> None:
        """Queue a record."""
        self._worker.submit(record)

    def stop(self) -> None:
        """Write what waits, then end."""
        self._worker.stop()
        self._sink.close()

    def _handle(self, record: PredictionRecord | None) -> None:
        self._sink.write(self._render(record) if record else None)

    def _render(self, record: PredictionRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(),
            "request_id": record.request_id,
            "version": record.model.version,
            "alias": record.model.alias,
            **record.prediction._asdict(),
            "terms_matched": len(record.model.scorer.explain(record.text).terms),
        }
        content = record.text.encode("utf-8", "replace")
        entry["text_hmac"] = hmac.new(self._key, content, "sha256").hexdigest()
        if self._with_text:
            entry["text"] = record.text
        return json.dumps(entry, ensure_ascii=False)


def open_prediction_log(
    settings: ServeSettings, stores: StoreSettings, metrics: ServeMetrics
) -> PredictionLog | None:
    """Open the log that the settings ask for; None if it is off."""
    if settings.prediction_log == "off":
        return None
    place = settings.prediction_log_path
    sink: LineSink
    if settings.prediction_log == "s3":
        store = open_store(str(place), stores)
        sink = StoreSink(store, metrics.dropped.labels("prediction_log"))
    else:
        sink = FileSink(Path(place) if place else settings.home / "log")
    key = settings.prediction_log_key.get_secret_value().encode()
    return PredictionLog(sink, metrics, key=key, with_text=settings.prediction_log_text)
