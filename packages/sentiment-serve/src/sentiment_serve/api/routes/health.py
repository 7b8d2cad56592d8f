"""Whether the API lives, can answer, and how fresh it is."""

from fastapi import APIRouter, Request, Response

from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import HealthAnswer, ModelInfoAnswer, ReadyAnswer
from sentiment_serve.api.state import state_of

_NOT_READY = 503

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that the process answers; knows nothing of models."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    response_model_exclude_defaults=True,
    responses={_NOT_READY: {"model": ReadyAnswer}},
)
async def readyz(request: Request, response: Response) -> ReadyAnswer:
    """Say whether requests can be answered, and what is degraded."""
    state = state_of(request)
    holder = state.holder
    ready = state.is_ready
    detail = None
    if not ready:
        detail = "The API is shutting down." if state.draining.active else holder.why_no_champion()
        response.status_code = _NOT_READY
    return ReadyAnswer(
        status="ready" if ready else "not ready",
        version=holder.champion.version if holder.champion else None,
        degraded=holder.degradations(),
        detail=detail,
    )


@router.get(
    "/health",
    response_model_exclude_defaults=True,
    responses={_NOT_READY: {"model": HealthAnswer}},
)
async def health(request: Request, response: Response) -> HealthAnswer:
    """Say whether a model is loaded, and if not why and what to do."""
    holder = state_of(request).holder
    if holder.champion is not None:
        return HealthAnswer(status="healthy", model_loaded=True)
    response.status_code = _NOT_READY
    return HealthAnswer(status="unhealthy", model_loaded=False, detail=holder.why_no_champion())


@router.get("/model-info", responses=problem_responses(_NOT_READY))
async def model_info(request: Request) -> ModelInfoAnswer:
    """Describe the champion that answers."""
    state = state_of(request)
    model = state.holder.champion or state.service.model_for()
    challenger = state.holder.challenger
    return ModelInfoAnswer(
        model_name=model.name,
        version=model.version,
        alias=model.alias,
        run_id=model.run_id,
        metrics=model.metrics,
        loaded_at=model.loaded_at,
        scorer_digest=model.digest,
        from_cache=model.from_cache,
        challenger_version=challenger.version if challenger else None,
        last_registry_success=state.holder.last_success,
        degraded=state.holder.degradations(),
    )
