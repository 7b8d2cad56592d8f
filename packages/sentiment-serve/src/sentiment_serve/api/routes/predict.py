"""Labelling texts."""

import asyncio
import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from sentiment_core.attribution import attribute_words, strongest_words
from sentiment_core.prediction import Prediction as Label
from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import (
    BatchAnswer,
    BatchRequest,
    ExplainAnswer,
    Prediction,
    PredictRequest,
    StrongestWord,
    Term,
    Word,
)
from sentiment_serve.api.state import request_id_of, state_of
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.prediction.service import PredictionService

PREDICT_PATH = "/predict"
STICKY_KEY_HEADER = "x-sticky-key"
ALIAS_HEADER = "X-Model-Alias"
_STRONGEST_WORDS = 5

router = APIRouter(tags=["predict"], responses=problem_responses(400, 413, 422, 503))

_STICKY_KEY: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": STICKY_KEY_HEADER,
            "in": "header",
            "description": "Same key, same model while traffic is split.",
            "required": False,
            "schema": {"type": "string"},
        }
    ]
}
"""Described here and read by `_key_of`: declared as a parameter it costs a tenth of a request."""


@router.post(PREDICT_PATH, response_model=Prediction, openapi_extra=_STICKY_KEY)
async def predict(body: PredictRequest, request: Request) -> Response:
    """Label one text."""
    service = state_of(request).service
    model = service.model_for(_key_of(request))
    service.check_text(body.text)
    return _answer(
        model, content_of(model, service.predict(model, body.text, request_id_of(request)))
    )


@router.post("/predict/batch", response_model=BatchAnswer, openapi_extra=_STICKY_KEY)
async def predict_batch(body: BatchRequest, request: Request) -> Response:
    """Label several texts, all with the same version."""
    service = state_of(request).service
    model = service.model_for(_key_of(request))
    service.check_batch(body.texts)
    results = await asyncio.get_running_loop().run_in_executor(
        service.batch_lane, service.predict_batch, model, body.texts, request_id_of(request)
    )
    return _answer(model, {"predictions": [content_of(model, result) for result in results]})


@router.post("/explain", response_model_exclude_defaults=True, openapi_extra=_STICKY_KEY)
async def explain(body: PredictRequest, request: Request) -> ExplainAnswer:
    """Label one text and say which terms made the label."""
    service = state_of(request).service
    model = service.model_for(_key_of(request))
    service.check_text(body.text)
    return await asyncio.to_thread(_explain, service, model, body.text, request_id_of(request))


def _key_of(request: Request) -> str | None:
    return request.headers.get(STICKY_KEY_HEADER)


def _explain(
    service: PredictionService, model: LoadedModel, text: str, request_id: str
) -> ExplainAnswer:
    label, explanation = service.explain(model, text, request_id)
    words = attribute_words(text, explanation, max_ngram=model.scorer.max_ngram)
    names = model.scorer.labels
    return ExplainAnswer(
        sentiment=label.sentiment,
        label=names[label.sentiment] if names else None,
        labels=dict(names) if names else None,
        confidence=label.confidence,
        model_version=model.version,
        low_information=label.low_information,
        decision=explanation.decision,
        intercept=explanation.intercept,
        terms=[Term(**term._asdict()) for term in explanation.terms],
        words=[Word(**word._asdict()) for word in words],
        strongest_words=[
            StrongestWord(**word._asdict())
            for word in strongest_words(explanation, limit=_STRONGEST_WORDS)
        ],
    )


def content_of(model: LoadedModel, label: Label) -> dict[str, object]:
    """Describe a label, as `Prediction` has it."""
    content: dict[str, object] = {
        "sentiment": label.sentiment,
        "confidence": label.confidence,
        "model_version": model.version,
    }
    if names := model.scorer.labels:
        content["label"] = names[label.sentiment]
    if label.low_information:
        content["low_information"] = True
    return content


def _answer(model: LoadedModel, content: dict[str, object]) -> Response:
    # The shape is right by construction; validating it again would cost as much as scoring.
    return Response(
        encoded(content), media_type="application/json", headers={ALIAS_HEADER: model.alias}
    )


def encoded(content: dict[str, object]) -> bytes:
    """Encode an answer as JSON."""
    return json.dumps(content).encode()
