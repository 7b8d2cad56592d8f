"""Answers texts: chooses the model, scores, counts and records."""

from starlette.exceptions import HTTPException

from sentiment_core.prediction import Prediction, predict, predict_batch
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.prediction.challenger import (
    ChooseModel,
    Shadow,
    champion_answers,
    split_traffic,
)
from sentiment_serve.prediction.log import PredictionLog, PredictionRecord, open_prediction_log
from sentiment_serve.prediction.recent import RecentPredictions
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
            503 if there is no champion; it says why, and what to do.
        """
        model = self._choose(self.holder, key)
        if model is None:
            raise HTTPException(
                503,
                self.holder.why_no_champion(),
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

    def predict(self, model: LoadedModel, text: str, request_id: str) -> Prediction:
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
        Prediction
            The label.
        """
        prediction = predict(model.scorer, text)
        self.note(model, text, prediction, request_id)
        return prediction

    def predict_batch(
        self, model: LoadedModel, texts: list[str], request_id: str
    ) -> list[Prediction]:
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
        list of Prediction
            In the order of the texts.
        """
        predictions = predict_batch(model.scorer, texts)
        for position, (text, prediction) in enumerate(zip(texts, predictions, strict=True)):
            self.note(model, text, prediction, f"{request_id}.{position}")
        return predictions

    def note(self, model: LoadedModel, text: str, prediction: Prediction, request_id: str) -> None:
        """Count, remember and record what was answered.

        Parameters
        ----------
        model : LoadedModel
            Has answered.
        text : str
            The text.
        prediction : Prediction
            Its label.
        request_id : str
            Under which feedback may name it.
        """
        self.metrics.count_prediction(model, prediction)
        self.recent.remember(request_id, prediction.sentiment, model.version)
        if self._log:
            self._log.record(PredictionRecord(request_id, model, text, prediction))
        if self._shadow:
            self._shadow.offer(text, model, prediction.sentiment)
