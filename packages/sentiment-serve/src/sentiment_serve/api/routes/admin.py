"""What operators and the registry may ask for."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sentiment_serve.api.authentication import check_admin
from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import ReloadAnswer, RollbackAnswer, RollbackRequest
from sentiment_serve.api.state import KEY_STATE, AppState, state_of
from sentiment_serve.model.watcher import LOOK, LOOK_AND_RETRY

router = APIRouter(tags=["admin"])
_bearer = HTTPBearer(auto_error=False)


def require_admin(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> None:
    """Let only an administrator pass, or a key with that scope."""
    key = getattr(request.state, KEY_STATE, None)
    if key is not None and "admin" in key.scopes:
        return
    check_admin(
        state_of(request).settings,
        credentials.credentials if credentials else None,
        request.client.host if request.client else None,
        proxied=not {"x-forwarded-for", "forwarded"}.isdisjoint(request.headers),
    )


@router.post(
    "/admin/reload",
    dependencies=[Depends(require_admin)],
    responses=problem_responses(401, 403),
)
async def reload_model(request: Request) -> ReloadAnswer:
    """Look at the alias now, in all workers, and also try a version that was refused before."""
    state = state_of(request)
    state.workers.tell_others(LOOK_AND_RETRY)
    return _answer(state, reloaded=await state.watcher.check(retry_refused=True))


@router.post(
    "/admin/rollback",
    dependencies=[Depends(require_admin)],
    responses=problem_responses(400, 401, 403, 409, 413, 422, 500, 503),
)
async def roll_back(request: Request, wanted: RollbackRequest) -> RollbackAnswer:
    """Make the champion before this one the champion again, and let it serve in all workers.

    Possible where the command line is installed beside the API (`can_roll_back` of
    `/model-versions`).
    """
    state = state_of(request)
    try:
        done = await state.rollback.run(wanted.champion)
    finally:  # the alias may have moved before something else failed
        state.workers.tell_others(LOOK)
        await state.watcher.check()
    return RollbackAnswer(**done.model_dump(), version=_serving(state))


@router.post("/webhooks/mlflow", responses=problem_responses(401, 404, 409, 413))
async def mlflow_webhook(
    request: Request,
    delivery: Annotated[str, Header(alias="X-MLflow-Delivery-Id")] = "",
    timestamp: Annotated[str, Header(alias="X-MLflow-Timestamp")] = "",
    signature: Annotated[str, Header(alias="X-MLflow-Signature")] = "",
) -> ReloadAnswer:
    """Take MLflow's signed note that an alias moved, and look at it now."""
    state = state_of(request)
    state.webhook.check(
        state.settings,
        await request.body(),
        delivery=delivery,
        timestamp=timestamp,
        signature=signature,
    )
    state.workers.tell_others(LOOK)
    return _answer(state, reloaded=await state.watcher.check())


def _answer(state: AppState, *, reloaded: bool) -> ReloadAnswer:
    return ReloadAnswer(reloaded=reloaded, version=_serving(state))


def _serving(state: AppState) -> str | None:
    champion = state.holder.champion
    return champion.version if champion else None
