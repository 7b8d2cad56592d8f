"""What the application holds, and what routes and middleware ask of a request."""

from dataclasses import dataclass, field
from typing import Final, cast

from fastapi import FastAPI
from starlette.requests import Request

from sentiment_serve.api.authentication import WebhookVerifier
from sentiment_serve.model.history import VersionHistory
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.model.rollback import Rollback
from sentiment_serve.model.top_terms import TopTerms
from sentiment_serve.model.watcher import AliasWatcher
from sentiment_serve.prediction.service import PredictionService
from sentiment_serve.process.channel import WorkerChannel
from sentiment_serve.process.draining import ConnectionDraining
from sentiment_serve.settings import ServeSettings

KEY_STATE: Final = "api_key"
"""Where a request's scope keeps the key that it brought."""


@dataclass(frozen=True)
class AppState:
    """All that one application holds."""

    settings: ServeSettings
    holder: ModelHolder
    service: PredictionService
    watcher: AliasWatcher
    draining: ConnectionDraining
    workers: WorkerChannel
    history: VersionHistory
    rollback: Rollback
    top_terms: TopTerms = field(default_factory=TopTerms)
    webhook: WebhookVerifier = field(default_factory=WebhookVerifier)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered: there is a champion, and this is not about to stop."""
        return self.holder.champion is not None and not self.draining.active


def set_state(app: FastAPI, state: AppState) -> None:
    """Give an application its state."""
    app.state.sentiment = state


def app_state(app: FastAPI) -> AppState:
    """Return the state of an application."""
    return cast("AppState", app.state.sentiment)


def state_of(request: Request) -> AppState:
    """Return the state of the application that a request came to."""
    return cast("AppState", request.app.state.sentiment)


def request_id_of(request: Request) -> str:
    """Return the id of a request: the client's, or the one that the middleware made."""
    return cast("str", request.scope["state"]["request_id"])
