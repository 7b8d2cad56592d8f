"""What the API counts. All Prometheus names stand here."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from sentiment_core.prediction import Prediction
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import (
    Answered,
    Attempted,
    Dropped,
    Loaded,
    ModelEvent,
    ModelHolder,
    Refused,
    Unreachable,
)
from sentiment_serve.process.metric_files import reserve_metric_files
from sentiment_serve.process.run_folder import METRICS_FOLDER_VARIABLE

_LATENCY_BUCKETS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)
_CONFIDENCE_BUCKETS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)


class PredictionLogMetrics:
    """What became of the records of the prediction log.

    accepted = written + lost + spooled + waiting, but for what killed workers had in memory.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter(
            "sentiment_prediction_log_accepted", "Records that requests gave to the log.",
            registry=registry,
        )  # fmt: skip
        self.written = Counter(
            "sentiment_prediction_log_written", "Records that are where they belong.",
            registry=registry,
        )  # fmt: skip
        self.lost = Counter(
            "sentiment_prediction_log_lost", "Records that will never be written.", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.expired = Counter(
            "sentiment_prediction_log_expired",
            "Written records that made room for newer ones.", registry=registry,
        )  # fmt: skip
        self.failed_writes = Counter(
            "sentiment_prediction_log_failed_writes", "Attempts to write records that failed; "
            "they are repeated.", ["place"], registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "sentiment_prediction_log_waiting", "Records in memory alone, a moment ago.",
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self.spool = _Spool()

    def watch_spool(self, count: Callable[[], int]) -> None:
        """Ask for the number of records on their way to a bucket whenever metrics are shown."""
        self.spool.count = count

    def totals(self) -> dict[str, int]:
        """Sum up this process."""
        return {
            "accepted": _total(self.accepted),
            "written": _total(self.written),
            "lost": _total(self.lost),
        }


def _total(counter: Counter) -> int:
    samples = [sample for metric in counter.collect() for sample in metric.samples]
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))


class _Spool(Collector):
    count: Callable[[], int] | None = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if self.count:
            yield GaugeMetricFamily(
                "sentiment_prediction_log_spooled",
                "Records in files that wait for the store, of all workers.",
                value=self.count(),
            )


class ServeMetrics:
    """The metrics of one application; shared among workers through files where there are several.

    They follow the models that the holder announces as loaded, refused and dropped.
    """

    def __init__(self, holder: ModelHolder) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        reserve_metric_files()
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "sentiment_requests", "Requests answered.", ["method", "route", "status"],
            registry=registry,
        )  # fmt: skip
        self.requests_by_key = Counter(
            "sentiment_requests_by_key", "Requests of each key, whatever became of them.",
            ["key", "scope"], registry=registry,
        )  # fmt: skip
        self.key_file_failures = Counter(
            "sentiment_api_key_file_failures", "Changes of the file of keys that cannot be used.",
            registry=registry,
        )  # fmt: skip
        self.latency = Histogram(
            "sentiment_request_duration_seconds", "Time to answer a request.", ["route"],
            buckets=_LATENCY_BUCKETS, registry=registry,
        )  # fmt: skip
        self.predictions = Counter(
            "sentiment_predictions", "Texts labelled.", ["sentiment", "version"], registry=registry
        )
        self.confidence = Histogram(
            "sentiment_prediction_confidence", "Confidence of the labels.", ["version"],
            buckets=_CONFIDENCE_BUCKETS, registry=registry,
        )  # fmt: skip
        self.low_information = Counter(
            "sentiment_low_information_predictions",
            "Texts of which the model knows less than half of the words.", ["version"],
            registry=registry,
        )  # fmt: skip
        self.model_info = Gauge(
            "sentiment_model_info", "1 for the version that each alias serves.",
            ["alias", "version", "digest"], registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.reload_attempts = Counter(
            "sentiment_reload_attempts", "Versions that were fetched and checked.",
            registry=registry,
        )  # fmt: skip
        self.alias_check_failures = Counter(
            "sentiment_alias_check_failures", "Checks of an alias that failed.", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.last_check = Gauge(
            "sentiment_registry_last_success_timestamp_seconds",
            "When the registry last answered.", registry=registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self.alias_is_set = Gauge(
            "sentiment_alias_is_set", "1 if a version has the alias; the last champion serves on.",
            ["alias"], registry=registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self.feedback = Counter(
            "sentiment_feedback", "True labels received.", ["version", "correct"],
            registry=registry,
        )  # fmt: skip
        self.shadow = Counter(
            "sentiment_shadow_predictions", "Texts also scored by the challenger.",
            ["champion", "challenger", "agree"], registry=registry,
        )  # fmt: skip
        self.dropped = Counter(
            "sentiment_background_dropped", "Work beside the requests that was not done.",
            ["queue"], registry=registry,
        )  # fmt: skip
        self.prediction_log = PredictionLogMetrics(registry)
        self._children: dict[tuple[str, str], tuple[Counter, Histogram, Counter]] = {}
        holder.subscribe(self._on_model_event)

    def _on_model_event(self, event: ModelEvent) -> None:
        match event:
            case Attempted():
                self.reload_attempts.inc()
            case Loaded(model, former):
                if former:
                    self._show(former, 0)
                self._show(model, 1)
            case Dropped(model):
                self._show(model, 0)
            case Refused():
                self.alias_check_failures.labels("bad-version").inc()
            case Unreachable(_, outage):
                self.alias_check_failures.labels(outage.code).inc()
            case Answered(alias, at, is_set):
                self.last_check.set(at.timestamp())
                self.alias_is_set.labels(alias).set(is_set)

    def _show(self, model: LoadedModel, value: int) -> None:
        self.model_info.labels(model.alias, model.version, model.digest).set(value)

    def count_prediction(self, model: LoadedModel, prediction: Prediction) -> None:
        """Count one labelled text."""
        key = (model.version, prediction.sentiment)
        children = self._children.get(key)
        if children is None:  # looking a child up by its labels costs more than counting
            children = self._children[key] = (
                self.predictions.labels(prediction.sentiment, model.version),
                self.confidence.labels(model.version),
                self.low_information.labels(model.version),
            )
        children[0].inc()
        children[1].observe(prediction.confidence)
        if prediction.low_information:
            children[2].inc()

    def render(self) -> bytes:
        """Render all metrics, of all workers, in Prometheus' text format."""
        registry = self.registry
        if METRICS_FOLDER_VARIABLE in os.environ:
            _forget_dead_workers(Path(os.environ[METRICS_FOLDER_VARIABLE]))
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        extra = CollectorRegistry()
        extra.register(self.prediction_log.spool)
        return generate_latest(registry) + generate_latest(extra)

    def close(self) -> None:
        """Take this worker's gauges out of the common ones."""
        if METRICS_FOLDER_VARIABLE in os.environ:
            with suppress(OSError):
                mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


def _forget_dead_workers(folder: Path) -> None:
    """Delete the gauges of workers that died without a word: nobody else knows of their death."""
    pids = {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
        except PermissionError:
            pass  # it lives, as somebody else
