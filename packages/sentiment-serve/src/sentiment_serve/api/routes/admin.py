"""What operators and the registry may ask for."""

import base64
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import ReloadAnswer
from sentiment_serve.api.state import state_of
from sentiment_serve.settings import ServeSettings

_MAX_WEBHOOK_AGE_SECONDS: Final = 300
_REMEMBERED_DELIVERIES: Final = 1000

router = APIRouter(tags=["admin"])
_bearer = HTTPBearer(auto_error=False)


def require_admin(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> None:
    """Let only an administrator pass.

    Raises
    ------
    HTTPException
        401 without a token, 403 with a wrong one, or for another machine where none is set.
    """
    token = state_of(request).settings.admin_token
    if token is None:
        if not _from_this_machine(request):
            raise HTTPException(403, "Without ADMIN_TOKEN this answers only to the machine itself.")
        return
    if credentials is None:
        raise HTTPException(
            401, "This needs the admin token.", headers={"WWW-Authenticate": "Bearer"}
        )
    given, expected = credentials.credentials, token.get_secret_value()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, "The admin token is wrong.")


def _from_this_machine(request: Request) -> bool:
    # A proxy on this machine speaks for others.
    if request.client is None or {"x-forwarded-for", "forwarded"} & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.post(
    "/admin/reload",
    dependencies=[Depends(require_admin)],
    responses=problem_responses(401, 403),
)
async def reload_model(request: Request) -> ReloadAnswer:
    """Look at the alias now, and also try a version that was refused before."""
    parts = state_of(request)
    reloaded = await parts.watcher.check(retry_refused=True)
    champion = parts.holder.champion
    return ReloadAnswer(reloaded=reloaded, version=champion.version if champion else None)


@router.post("/webhooks/mlflow", responses=problem_responses(401, 404, 409, 413))
async def mlflow_webhook(request: Request) -> ReloadAnswer:
    """Take MLflow's signed note that an alias moved, and look at it now."""
    parts = state_of(request)
    if parts.settings.webhook_secret is None:
        raise HTTPException(404, "No WEBHOOK_SECRET is set.")
    delivery = _verify(request, await request.body(), parts.settings)
    seen: OrderedDict[str, None] = request.app.state.seen_deliveries
    if delivery in seen:
        raise HTTPException(409, "This delivery was received before.")
    seen[delivery] = None
    if len(seen) > _REMEMBERED_DELIVERIES:
        seen.popitem(last=False)
    reloaded = await parts.watcher.check()
    champion = parts.holder.champion
    return ReloadAnswer(reloaded=reloaded, version=champion.version if champion else None)


def _verify(request: Request, body: bytes, settings: ServeSettings) -> str:
    """Check MLflow's signature over ``delivery.timestamp.body`` and return the delivery's id."""
    delivery = request.headers.get("x-mlflow-delivery-id", "")
    timestamp = request.headers.get("x-mlflow-timestamp", "")
    signature = request.headers.get("x-mlflow-signature", "")
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    signed = f"{delivery}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise HTTPException(401, "The signature is wrong.")
    fresh = timestamp.isdecimal() and (
        abs(time.time() - int(timestamp)) <= _MAX_WEBHOOK_AGE_SECONDS
    )
    if not fresh:
        raise HTTPException(401, "The delivery is too old.")
    return delivery
