"""True labels for answered requests."""

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import FeedbackAnswer, FeedbackRequest
from sentiment_serve.api.state import state_of

router = APIRouter(tags=["feedback"])


@router.post("/feedback", responses=problem_responses(400, 404, 409, 413, 422))
async def feedback(body: FeedbackRequest, request: Request) -> FeedbackAnswer:
    """Take the true label of a request; /metrics then knows the accuracy of each version."""
    service = state_of(request).service
    found = service.recent.find(body.request_id)
    if found is None:
        raise HTTPException(404, "No recent prediction of this machine has this request id.")
    if found.answered:
        raise HTTPException(409, "The label of this request was received before.")
    service.recent.mark_answered(body.request_id)
    correct = found.sentiment == body.label
    service.metrics.feedback.labels(found.version, str(correct).lower()).inc()
    return FeedbackAnswer(correct=correct, model_version=found.version)
