"""The Open Inference Protocol, version 2, so that clients of other servers work here too."""

import asyncio
from importlib.metadata import version as installed_version
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from sentiment_core.errors import NotFoundError
from sentiment_serve.api.open_inference import (
    HEADER_LENGTH,
    InferAnswer,
    Ready,
    metadata,
    read_request,
    write_answer,
)
from sentiment_serve.api.problems import PROTOCOL_PREFIX, problem_responses
from sentiment_serve.api.state import AppState, request_id_of, state_of
from sentiment_serve.model.cache import LoadedModel

_MODEL: Final = "/models/{name}"
_VERSION: Final = "/models/{name}/versions/{version}"
_NOT_READY: Final = 503

_NOT_FOUND: Final = problem_responses(404, _NOT_READY)
_REFUSALS: Final = problem_responses(400, 404, 413, 422, _NOT_READY)

router = APIRouter(prefix=PROTOCOL_PREFIX, tags=["open inference protocol"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InferRequest"}}},
    },
    "parameters": [
        {
            "name": HEADER_LENGTH,
            "in": "header",
            "description": "Length of the JSON, where texts stand as bytes behind it.",
            "required": False,
            "schema": {"type": "integer", "minimum": 0},
        }
    ],
}
"""Described here: the body may be JSON with bytes behind it, which FastAPI does not read."""


@router.get("")
async def server_metadata() -> dict[str, Any]:
    """Name the server and what it understands."""
    return {
        "name": "sentiment-serve",
        "version": installed_version("sentiment-serve"),
        "extensions": ["binary_tensor_data"],
    }


@router.get("/health/live")
async def server_live() -> dict[str, bool]:
    """Say that the process answers."""
    return {"live": True}


@router.get("/health/ready", responses={_NOT_READY: {"model": Ready}})
async def server_ready(request: Request, response: Response) -> Ready:
    """Say whether the champion can be asked."""
    ready = state_of(request).is_ready
    if not ready:
        response.status_code = _NOT_READY
    return Ready(ready=ready)


@router.get(_MODEL, responses=_NOT_FOUND)
async def model_metadata(request: Request, name: str) -> dict[str, Any]:
    """Describe the model and its tensors."""
    return metadata(_find(state_of(request), name))


@router.get(_VERSION, responses=_NOT_FOUND)
async def version_metadata(request: Request, name: str, version: str) -> dict[str, Any]:
    """Describe a version that is loaded, and its tensors."""
    return metadata(_find(state_of(request), name, version))


@router.get(f"{_MODEL}/ready", responses=_NOT_FOUND)
async def model_ready(request: Request, name: str) -> Ready:
    """Say that the model can be asked; it is an error otherwise."""
    _find(state_of(request), name)
    return Ready(ready=True)


@router.get(f"{_VERSION}/ready", responses=_NOT_FOUND)
async def version_ready(request: Request, name: str, version: str) -> Ready:
    """Say that a version can be asked; it is an error otherwise."""
    _find(state_of(request), name, version)
    return Ready(ready=True)


@router.post(
    f"{_MODEL}/infer", response_model=InferAnswer, responses=_REFUSALS, openapi_extra=_BODY
)
async def infer(request: Request, name: str) -> Response:
    """Label the texts of a tensor with the model that answers /predict."""
    return await _infer(request, _find(state_of(request), name))


@router.post(
    f"{_VERSION}/infer", response_model=InferAnswer, responses=_REFUSALS, openapi_extra=_BODY
)
async def infer_with_version(request: Request, name: str, version: str) -> Response:
    """Label the texts of a tensor with a version that is loaded."""
    return await _infer(request, _find(state_of(request), name, version))


async def _infer(request: Request, model: LoadedModel) -> Response:
    service = state_of(request).service
    asked = read_request(await request.body(), request.headers.get(HEADER_LENGTH))
    service.check_batch(asked.texts)
    predictions = await asyncio.get_running_loop().run_in_executor(
        service.batch_lane, service.predict_batch, model, asked.texts, request_id_of(request)
    )
    answer = write_answer(asked, model, predictions)
    if answer.json_length is None:
        return Response(answer.body, media_type="application/json")
    return Response(
        answer.body,
        media_type="application/octet-stream",
        headers={HEADER_LENGTH: str(answer.json_length)},
    )


def _find(state: AppState, name: str, version: str | None = None) -> LoadedModel:
    """Find a model that is loaded: the champion, or the version that is named.

    Raises
    ------
    NotFoundError
        If there is none of that name and version.
    NotReadyError
        If there is no champion.
    """
    champion = state.service.model_for() if version is None else state.holder.champion
    for model in (champion, state.holder.challenger):
        if model and model.name == name and version in {None, model.version}:
            return model
    loaded = ", ".join(
        f"{model.name} version {model.version}"
        for model in (state.holder.champion, state.holder.challenger)
        if model
    )
    what = f"version {version:.40} of {name:.80}" if version else f"model {name:.80}"
    raise NotFoundError(f"There is no {what} here, only {loaded or 'none'}.")
