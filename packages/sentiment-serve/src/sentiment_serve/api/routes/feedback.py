"""True labels for answered requests."""

import asyncio

from fastapi import APIRouter, Request

from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import FeedbackAnswer, FeedbackRequest
from sentiment_serve.api.state import state_of

router = APIRouter(tags=["feedback"])


@router.post("/feedback", responses=problem_responses(400, 404, 409, 413, 422, 503))
async def feedback(body: FeedbackRequest, request: Request) -> FeedbackAnswer:
    """Take the true label of a request; /metrics then knows the accuracy of each version.

    The first label of a request counts, and is recorded beside its prediction; others get 409.
    """
    service = state_of(request).service
    feedback = await asyncio.to_thread(service.take_feedback, body.request_id, body.sentiment)
    return FeedbackAnswer(correct=feedback.correct, model_version=feedback.version)
