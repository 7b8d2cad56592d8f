"""The challenger's share of the traffic: answers (split) or a silent second opinion (shadow)."""

import random
import sys
from collections.abc import Callable
from typing import Final, NamedTuple
from zlib import crc32

from sentiment_core.labels import Sentiment, classify
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.prediction.background import BackgroundWorker, BoundedQueue

_BUCKETS: Final = 10_000

ChooseModel = Callable[[ModelHolder, str | None], LoadedModel | None]
"""Chooses who answers a request, given the key that the client may send."""


def champion_answers(holder: ModelHolder, _key: str | None) -> LoadedModel | None:
    """Let the champion answer, if there is one."""
    return holder.champion


def split_traffic(percent: float) -> ChooseModel:
    """Let the challenger answer a share; requests with the same key always meet the same side."""
    threshold = percent / 100

    def choose(holder: ModelHolder, key: str | None) -> LoadedModel | None:
        if key is None:
            point = random.random()  # noqa: S311 - no secret
        else:
            point = crc32(key.encode("utf-8", "replace")) % _BUCKETS / _BUCKETS
        challenger = holder.challenger if point < threshold else None
        return challenger or holder.champion

    return choose


class _Opinion(NamedTuple):
    text: str
    champion: LoadedModel
    sentiment: Sentiment


class Shadow:
    """Scores a sample of the answered texts with the challenger, beside the requests.

    `percent` is the share of the requests, from 0 to 100.
    """

    def __init__(self, holder: ModelHolder, metrics: ServeMetrics, percent: float) -> None:
        self._holder = holder
        self._metrics = metrics
        self._share = percent / 100
        self._worker = BackgroundWorker[_Opinion](
            "shadow", self._handle, metrics.dropped.labels("shadow"), BoundedQueue()
        )

    def start(self) -> None:
        """Begin to score."""
        self._worker.start()

    def stop(self) -> None:
        """Score what waits, as far as there is time, then end."""
        self._worker.stop()

    def offer(self, text: str, champion: LoadedModel, sentiment: Sentiment) -> None:
        """Perhaps ask the challenger too what the champion has answered."""
        if random.random() < self._share:  # noqa: S311 - no secret
            self._worker.submit(_Opinion(text, champion, sentiment), sys.getsizeof(text))

    def _handle(self, opinion: _Opinion) -> None:
        challenger = self._holder.challenger
        if challenger is None:
            return
        sentiment, _ = classify(challenger.scorer.predict_positive(opinion.text))
        agree = "true" if sentiment == opinion.sentiment else "false"
        self._metrics.shadow.labels(opinion.champion.version, challenger.version, agree).inc()
