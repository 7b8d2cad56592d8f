"""Answers texts: chooses the model, scores, counts and records. Knows nothing of HTTP."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from sentiment_core.errors import ConflictError, InputError, NotFoundError, NotReadyError
from sentiment_core.labels import Sentiment
from sentiment_core.prediction import Prediction, predict, predict_batch, prediction_of
from sentiment_core.scorer import Explanation
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.prediction.challenger import (
    ChooseModel,
    Shadow,
    champion_answers,
    split_traffic,
)
from sentiment_serve.prediction.log import PredictionLog
from sentiment_serve.prediction.log_records import FeedbackRecord, PredictionRecord
from sentiment_serve.prediction.recent import RecentPredictions
from sentiment_serve.settings import ServeSettings

_SWITCH_SECONDS: Final = 0.0005
"""How long a batch holds the interpreter while others ask for short texts; Python's own is 5 ms."""


class Feedback(NamedTuple):
    """What a true label says of the prediction."""

    correct: bool
    version: str


class PredictionService:
    """What the routes call."""

    def __init__(
        self,
        settings: ServeSettings,
        holder: ModelHolder,
        metrics: ServeMetrics,
        log: PredictionLog | None,
    ) -> None:
        self.settings = settings
        self.holder = holder
        self.metrics = metrics
        self.recent = RecentPredictions(settings.cache_dir / "recent-predictions")
        # One thread: batches wait for each other, so that a short text waits for one at most.
        self.batch_lane = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._log = log
        self._shadow: Shadow | None = None
        self._choose: ChooseModel = champion_answers
        if settings.challenger_mode == "split":
            self._choose = split_traffic(settings.challenger_percent)
        elif settings.challenger_mode == "shadow":
            self._shadow = Shadow(holder, metrics, settings.challenger_percent)

    def start(self) -> None:
        """Begin the work beside the requests."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        for worker in (self._log, self._shadow):
            if worker:
                worker.start()

    def stop(self) -> None:
        """Finish the work beside the requests."""
        self.batch_lane.shutdown()
        for worker in (self._log, self._shadow):
            if worker:
                worker.stop()
        self.recent.close()

    def model_for(self, key: str | None = None) -> LoadedModel:
        """Choose the model that answers a request; the same key meets the same model.

        Raises
        ------
        NotReadyError
            If there is no champion; it says why, and what to do.
        """
        model = self._choose(self.holder, key)
        if model is None:
            raise NotReadyError(self.holder.why_no_champion())
        return model

    def check_text(self, text: str, field: str = "text") -> None:
        """Refuse a text that is too long, with InputError."""
        limit = self.settings.max_text_length
        if len(text) > limit:
            raise InputError(f"{field} has {len(text)} characters; {limit} are allowed.")

    def check_batch(self, texts: list[str]) -> None:
        """Refuse a batch that is too large, or has a text that is too long, with InputError."""
        limit = self.settings.max_batch_size
        if len(texts) > limit:
            raise InputError(f"texts has {len(texts)} entries; {limit} are allowed.")
        for position, text in enumerate(texts):
            self.check_text(text, f"texts.{position}")

    def predict(self, model: LoadedModel, text: str, request_id: str) -> Prediction:
        """Label one text."""
        prediction = predict(model.scorer, text)
        self._note(model, text, prediction, request_id)
        return prediction

    def predict_batch(
        self, model: LoadedModel, texts: list[str], request_id: str
    ) -> list[Prediction]:
        """Label several texts; feedback knows the one at position i as ``{request_id}.{i}``."""
        predictions = predict_batch(model.scorer, texts)
        for position, (text, prediction) in enumerate(zip(texts, predictions, strict=True)):
            self._note(model, text, prediction, f"{request_id}.{position}")
        return predictions

    def explain(
        self, model: LoadedModel, text: str, request_id: str
    ) -> tuple[Prediction, Explanation]:
        """Label one text and say which terms made the label."""
        explanation = model.scorer.explain(text)
        prediction = prediction_of(explanation)
        self._note(model, text, prediction, request_id)
        return prediction, explanation

    def take_feedback(self, request_id: str, label: Sentiment) -> Feedback:
        """Take the true label of an answered request.

        Raises
        ------
        NotFoundError
            If the request is not known any more.
        ConflictError
            If its label was received before, whatever it was: the first one counts.
        NotReadyError
            If a worker that takes labels stands still.
        """
        found = self.recent.find(request_id)
        if found is None:
            raise NotFoundError("No recent prediction of this machine has this request id.")
        if not self.recent.mark_answered(request_id):
            raise ConflictError("The label of this request was received before.")
        correct = found.sentiment == label
        self.metrics.feedback.labels(found.version, str(correct).lower()).inc()
        if self._log:
            self._log.record(FeedbackRecord(request_id, found.version, found.sentiment, label))
        return Feedback(correct, found.version)

    def _note(self, model: LoadedModel, text: str, prediction: Prediction, request_id: str) -> None:
        """Count, remember and record what was answered."""
        self.metrics.count_prediction(model, prediction)
        self.recent.remember(request_id, prediction.sentiment, model.version)
        if self._log:
            self._log.record(PredictionRecord(request_id, model, text, prediction))
        if self._shadow:
            self._shadow.offer(text, model, prediction.sentiment)
