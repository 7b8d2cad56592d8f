"""True labels for answered requests."""

from fastapi import APIRouter, Request

from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import FeedbackAnswer, FeedbackRequest
from sentiment_serve.api.state import state_of

router = APIRouter(tags=["feedback"])


@router.post("/feedback", responses=problem_responses(400, 404, 409, 413, 422))
async def feedback(body: FeedbackRequest, request: Request) -> FeedbackAnswer:
    """Take the true label of a request; /metrics then knows the accuracy of each version."""
    feedback = state_of(request).service.take_feedback(body.request_id, body.label)
    return FeedbackAnswer(correct=feedback.correct, model_version=feedback.version)
