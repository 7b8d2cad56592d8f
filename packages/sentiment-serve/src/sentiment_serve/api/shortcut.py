"""Answers the plain case of POST /predict without the framework's steps, which cost more than it.

Plain is: JSON in one piece that is valid, and a champion that answers. Whatever is not goes the
usual way from its beginning, so that errors, and what the documentation says, have one source.
"""

from typing import Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment_core.errors import SentimentError
from sentiment_serve.api.routes.predict import (
    ALIAS_HEADER,
    PREDICT_PATH,
    STICKY_KEY_HEADER,
    content_of,
    encoded,
    router,
)
from sentiment_serve.api.schemas import PredictRequest
from sentiment_serve.prediction.service import PredictionService

_JSON: Final = b"application/json"
_KEY: Final = STICKY_KEY_HEADER.encode()
_ALIAS: Final = ALIAS_HEADER.lower().encode()

# The validator itself: the method of the class costs another microsecond.
_validate = PredictRequest.__pydantic_validator__.validate_json


class PredictionShortcut:
    """Runs innermost, behind everything that surrounds a request.

    Parameters
    ----------
    service : PredictionService
        What answers.
    """

    def __init__(self, app: ASGIApp, *, service: PredictionService) -> None:
        self._app = app
        self._service = service
        # Metrics and log name the route that was taken.
        self._route = next(
            route
            for route in router.routes
            if isinstance(route, Route) and route.path == PREDICT_PATH
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI defines it."""
        if scope["type"] != "http" or scope["path"] != PREDICT_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            first = await receive()
        except HTTPException as error:
            await self._app(scope, _failing(error), send)
            return
        answer = self._answer(scope, first)
        if answer is None:
            await self._app(scope, _repeated(first, receive), send)
            return
        alias, body = answer
        headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", _JSON),
            (_ALIAS, alias),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope, message: Message) -> tuple[bytes, bytes] | None:
        """Return the alias and the body of the answer; None if the request is not plain."""
        body = message.get("body", b"")
        is_json, is_whole, key = False, not message.get("more_body"), None
        for name, value in scope["headers"]:
            if name == b"content-type":
                is_json = value == _JSON
            elif name == b"content-length":
                is_whole = is_whole or value == str(len(body)).encode()
            elif name == _KEY:
                key = value.decode("latin-1")
        if not (is_json and is_whole):
            return None
        service = self._service
        try:
            text = _validate(body).text
            service.check_text(text)
            model = service.model_for(key)
        except (ValidationError, SentimentError):
            return None
        prediction = service.predict(model, text, scope["state"]["request_id"])
        return model.alias.encode(), encoded(content_of(model, prediction))


def _repeated(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _failing(error: HTTPException) -> Receive:
    async def fail() -> Message:
        raise error

    return fail
