"""Labelling texts."""

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.exceptions import HTTPException

from sentiment_core.attribution import attribute_words, strongest_words
from sentiment_core.labels import classify
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.problems import problem_responses
from sentiment_serve.schemas import (
    BatchAnswer,
    BatchRequest,
    ExplainAnswer,
    Prediction,
    PredictRequest,
    StrongestWord,
    Term,
    Word,
)
from sentiment_serve.state import request_id_of, state_of

REQUEST_KEY_HEADER = "x-request-key"
ALIAS_HEADER = "X-Model-Alias"
_STRONGEST_WORDS = 5

router = APIRouter(tags=["predict"], responses=problem_responses(400, 413, 422, 503))

RequestKey = Annotated[
    str | None,
    Header(alias=REQUEST_KEY_HEADER, description="Same key, same model while traffic is split."),
]


@router.post("/predict", response_model=Prediction)
async def predict(body: PredictRequest, request: Request) -> Response:
    """Label one text."""
    service = state_of(request).service
    model = service.model_for(request.headers.get(REQUEST_KEY_HEADER))
    service.check_text(body.text)
    sentiment, confidence = service.predict(model, body.text, request_id_of(request))
    return _answer(
        model,
        {"sentiment": sentiment, "confidence": confidence, "model_version": model.version},
    )


@router.post("/predict/batch", response_model=BatchAnswer)
async def predict_batch(body: BatchRequest, request: Request, key: RequestKey = None) -> Response:
    """Label several texts, all with the same version."""
    service = state_of(request).service
    limit = service.settings.max_batch_size
    if len(body.texts) > limit:
        raise HTTPException(422, f"texts has {len(body.texts)} entries; {limit} are allowed.")
    model = service.model_for(key)
    for position, text in enumerate(body.texts):
        service.check_text(text, f"texts.{position}")
    results = await asyncio.to_thread(
        service.predict_batch, model, body.texts, request_id_of(request)
    )
    predictions = [
        {"sentiment": sentiment, "confidence": confidence, "model_version": model.version}
        for sentiment, confidence in results
    ]
    return _answer(model, {"predictions": predictions})


@router.post("/explain")
async def explain(body: PredictRequest, request: Request, key: RequestKey = None) -> ExplainAnswer:
    """Label one text and say which terms made the label."""
    service = state_of(request).service
    model = service.model_for(key)
    service.check_text(body.text)
    return await asyncio.to_thread(_explain, model, body.text)


def _explain(model: LoadedModel, text: str) -> ExplainAnswer:
    explanation = model.scorer.explain(text)
    sentiment, confidence = classify(explanation.probability)
    words = attribute_words(text, explanation, max_ngram=model.scorer.max_ngram)
    return ExplainAnswer(
        sentiment=sentiment,
        confidence=confidence,
        model_version=model.version,
        decision=explanation.decision,
        intercept=explanation.intercept,
        terms=[Term(**term._asdict()) for term in explanation.terms],
        words=[Word(**word._asdict()) for word in words],
        strongest_words=[
            StrongestWord(**word._asdict())
            for word in strongest_words(explanation, limit=_STRONGEST_WORDS)
        ],
    )


def _answer(model: LoadedModel, content: dict[str, object]) -> Response:
    # The shape is right by construction; validating it again would cost as much as scoring.
    return Response(
        json.dumps(content), media_type="application/json", headers={ALIAS_HEADER: model.alias}
    )
