"""Answers texts: chooses the model, scores, counts and records."""

from starlette.exceptions import HTTPException

from sentiment_core.labels import Sentiment, classify
from sentiment_serve.challenger import ChooseModel, Shadow, champion_answers, split_traffic
from sentiment_serve.feedback.log import PredictionLog, PredictionRecord, open_prediction_log
from sentiment_serve.feedback.recent import RecentPredictions
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.settings import ServeSettings

RETRY_AFTER_SECONDS = 5


class PredictionService:
    """What the routes call; knows nothing of HTTP but the errors that it raises.

    Parameters
    ----------
    settings : ServeSettings
        Limits, challenger and log.
    holder : ModelHolder
        Holds the models.
    metrics : ServeMetrics
        Counts.
    """

    def __init__(self, settings: ServeSettings, holder: ModelHolder, metrics: ServeMetrics) -> None:
        self.settings = settings
        self.holder = holder
        self.metrics = metrics
        self.recent = RecentPredictions(settings.cache_dir / "recent-predictions")
        self._log: PredictionLog | None = open_prediction_log(settings, metrics)
        self._shadow: Shadow | None = None
        self._choose: ChooseModel = champion_answers
        if settings.challenger_mode == "split":
            self._choose = split_traffic(settings.challenger_percent)
        elif settings.challenger_mode == "shadow":
            self._shadow = Shadow(holder, metrics, settings.challenger_percent)

    def start(self) -> None:
        """Begin the work beside the requests."""
        for part in (self._log, self._shadow):
            if part:
                part.start()

    def stop(self) -> None:
        """Finish the work beside the requests."""
        for part in (self._log, self._shadow):
            if part:
                part.stop()
        self.recent.close()

    def model_for(self, key: str | None = None) -> LoadedModel:
        """Choose the model that answers a request.

        Parameters
        ----------
        key : str, optional
            Requests with the same key meet the same model.

        Returns
        -------
        LoadedModel
            The request keeps it to its end.

        Raises
        ------
        HTTPException
            503 if there is no champion yet.
        """
        model = self._choose(self.holder, key)
        if model is None:
            raise HTTPException(
                503,
                "No champion is loaded yet: train and promote a model.",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        return model

    def check_text(self, text: str, field: str = "text") -> None:
        """Refuse a text that is too long.

        Parameters
        ----------
        text : str
            The text.
        field : str
            Its name in the request.

        Raises
        ------
        HTTPException
            422 if it is too long.
        """
        limit = self.settings.max_text_length
        if len(text) > limit:
            raise HTTPException(422, f"{field} has {len(text)} characters; {limit} are allowed.")

    def predict(self, model: LoadedModel, text: str, request_id: str) -> tuple[Sentiment, float]:
        """Label one text.

        Parameters
        ----------
        model : LoadedModel
            Answers.
        text : str
            The text.
        request_id : str
            Under which it is remembered.

        Returns
        -------
        sentiment : str
            The label.
        confidence : float
            Its probability.
        """
        sentiment, confidence = classify(model.scorer.predict_positive(text))
        self.metrics.count_prediction(model, sentiment, confidence)
        self.recent.remember(request_id, sentiment, model.version)
        self._record(model, text, sentiment, confidence, request_id)
        return sentiment, confidence

    def predict_batch(
        self, model: LoadedModel, texts: list[str], request_id: str
    ) -> list[tuple[Sentiment, float]]:
        """Label several texts with the same model.

        Parameters
        ----------
        model : LoadedModel
            Answers.
        texts : list of str
            The texts.
        request_id : str
            Of the whole batch; the text at position i is remembered as ``{request_id}.{i}``.

        Returns
        -------
        list of (str, float)
            Labels and probabilities, in the order of the texts.
        """
        results = [
            classify(probability)
            for probability in model.scorer.predict_proba(texts)[:, 1].tolist()
        ]
        for position, (text, (sentiment, confidence)) in enumerate(
            zip(texts, results, strict=True)
        ):
            text_id = f"{request_id}.{position}"
            self.metrics.count_prediction(model, sentiment, confidence)
            self.recent.remember(text_id, sentiment, model.version)
            self._record(model, text, sentiment, confidence, text_id)
        return results

    def _record(
        self,
        model: LoadedModel,
        text: str,
        sentiment: Sentiment,
        confidence: float,
        request_id: str,
    ) -> None:
        if self._log:
            self._log.record(PredictionRecord(request_id, model, text, sentiment, confidence))
        if self._shadow:
            self._shadow.offer(text, model, sentiment)
