"""Assembles the application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from sentiment_core.store_settings import StoreSettings
from sentiment_serve.api.middleware import RequestMiddleware
from sentiment_serve.api.open_inference import InferRequest
from sentiment_serve.api.problems import (
    Problem,
    install_problem_handlers,
    problem_responses,
)
from sentiment_serve.api.routes import (
    admin,
    docs,
    feedback,
    health,
    inference_protocol,
    model,
    pages,
    predict,
)
from sentiment_serve.api.shortcut import PredictionShortcut
from sentiment_serve.api.state import AppState, app_state, set_state
from sentiment_serve.api_keys import KeyRing
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import ModelCache
from sentiment_serve.model.event_log import log_model_event
from sentiment_serve.model.history import VersionHistory
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.model.http import open_pool
from sentiment_serve.model.packages import PackageReader
from sentiment_serve.model.rollback import Rollback
from sentiment_serve.model.source import open_source
from sentiment_serve.model.watcher import AliasWatcher
from sentiment_serve.prediction.log import open_prediction_log
from sentiment_serve.prediction.service import PredictionService
from sentiment_serve.process.channel import WorkerChannel
from sentiment_serve.process.draining import ConnectionDraining
from sentiment_serve.process.logs import configure_logging
from sentiment_serve.process.parent import end_with_parent
from sentiment_serve.process.run_folder import common_folder
from sentiment_serve.settings import ServeSettings, load_settings

logger = logging.getLogger(__name__)

_DESCRIPTION = """\
Labels English reviews as positive or negative with the model that the registry's `champion` alias
names. Every answer tells the version that gave it; `X-Request-ID` names the request, and
`POST /feedback` takes its true label.
"""


def create_app(settings: ServeSettings, stores: StoreSettings) -> FastAPI:
    """Create the application; nothing is fetched before it starts."""
    app = FastAPI(
        title="Sentiment API",
        version=version("sentiment-serve"),
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's own pages need scripts from elsewhere
        redoc_url=None,
        servers=[{"url": docs.SERVER_URL}],
        lifespan=_lifespan,
    )
    state = _assemble(settings, stores)
    set_state(app, state)
    install_problem_handlers(app)
    for module in (predict, inference_protocol, health, model, feedback, admin, pages, docs):
        app.include_router(module.router)
    docs.mount_assets(app)
    # Middleware that is added first runs last.
    app.add_middleware(PredictionShortcut, service=state.service)
    if settings.api_keys_file or settings.rate_limit:
        from sentiment_serve.api.access import AccessMiddleware

        failures = state.service.metrics.key_file_failures
        app.add_middleware(
            AccessMiddleware,
            keys=KeyRing(settings.api_keys_file, failures.inc) if settings.api_keys_file else None,
            limit=settings.rate_limit,
            metrics=state.service.metrics,
        )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "X-Request-ID",
                predict.STICKY_KEY_HEADER,
            ],
            expose_headers=["X-Request-ID"],
        )
    app.add_middleware(
        RequestMiddleware,
        metrics=state.service.metrics,
        draining=state.draining,
        max_body_bytes=settings.max_body_bytes,
        body_timeout=settings.body_timeout,
        access_log=settings.access_log,
    )
    _document(app, settings)
    return app


def _assemble(settings: ServeSettings, stores: StoreSettings) -> AppState:
    holder = ModelHolder()
    metrics = ServeMetrics(holder)
    holder.subscribe(log_model_event)
    pool = open_pool()
    packages = PackageReader(settings, stores, pool)
    source = open_source(settings, packages, pool)
    watcher = AliasWatcher(
        source,
        ModelCache(settings.cache_dir),
        packages.fetch,
        holder,
        aliases=settings.aliases,
        interval=settings.model_reload_interval,
    )
    log = open_prediction_log(settings, stores, metrics)
    service = PredictionService(settings, holder, metrics, log)
    draining = ConnectionDraining(settings.drain_seconds)
    return AppState(
        settings, holder, service, watcher, draining, WorkerChannel(common_folder()),
        VersionHistory(source, holder), Rollback(settings),
    )  # fmt: skip


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app_state(app)
    if state.settings.admin_token is None and not state.settings.admin_open:
        logger.warning("no ADMIN_TOKEN is set: /admin answers only to this machine itself")
    if state.settings.workers > 1 and common_folder() is None:
        logger.warning(
            "the workers have no folder in common: each shows its own metrics, and a reload "
            "reaches the others at their next check"
        )
    state.service.start()
    # Before the first look at the alias: what moves after it is told.
    state.workers.open(state.watcher.on_message)
    state.watcher.start()
    state.draining.install()
    end_with_parent()
    try:
        yield
    finally:
        state.workers.close()
        await state.watcher.stop()
        state.service.stop()
        state.service.metrics.close()


def _document(app: FastAPI, settings: ServeSettings) -> None:
    """Describe errors as what they are, where FastAPI would describe its own, and who may ask."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        schema = original()
        components = schema["components"]["schemas"]
        if "Problem" not in components:
            for model in (Problem, InferRequest):
                described = model.model_json_schema(ref_template="#/components/schemas/{model}")
                components |= described.pop("$defs", {})
                components[model.__name__] = described
            _document_access(schema["paths"], settings)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document_access(paths: dict[str, Any], settings: ServeSettings) -> None:
    """Add what clients need, where keys or a limit are set."""
    statuses = (401, 403) if settings.api_keys_file else ()
    responses = problem_responses(*statuses, *((429,) if settings.rate_limit else ()))
    if not responses:
        return
    from sentiment_serve.api.access import INFERENCE_ROUTES, SCOPE_OF_INFERENCE, SCOPE_OF_ROUTE

    inference = dict.fromkeys(INFERENCE_ROUTES, SCOPE_OF_INFERENCE)
    for path, scope in (SCOPE_OF_ROUTE | inference).items():
        operation = paths[path]["post"]
        operation["responses"] |= {str(status): text for status, text in responses.items()}
        if settings.api_keys_file:
            operation["security"] = [{"HTTPBearer": []}]
            operation["x-scope"] = scope


def __getattr__(name: str) -> FastAPI:
    """Create ``sentiment_serve.app:app`` when an ASGI server asks for it, not on import."""
    if name != "app":
        raise AttributeError(name)
    configure_logging()
    return create_app(*load_settings())
