"""What the application holds, and how routes get at it."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.model.watcher import AliasWatcher
from sentiment_serve.prediction.service import PredictionService
from sentiment_serve.process.draining import Drain
from sentiment_serve.settings import ServeSettings


@dataclass(frozen=True)
class AppState:
    """The parts of one application."""

    settings: ServeSettings
    holder: ModelHolder
    service: PredictionService
    watcher: AliasWatcher
    drain: Drain


def state_of(request: Request) -> AppState:
    """Return the application's parts.

    Parameters
    ----------
    request : Request
        Any request of the application.

    Returns
    -------
    AppState
        Its parts.
    """
    return cast("AppState", request.app.state.parts)


def request_id_of(request: Request) -> str:
    """Return the id of a request.

    Parameters
    ----------
    request : Request
        It came through the middleware.

    Returns
    -------
    str
        The client's id, or a new one.
    """
    return cast("str", request.scope["state"]["request_id"])
