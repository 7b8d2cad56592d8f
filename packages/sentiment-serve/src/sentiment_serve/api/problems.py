"""Errors as RFC 9457 problem details, and what the documentation says of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sentiment_core.errors import BlankTextError, InputError, SentimentError
from sentiment_core.redaction import redact

MEDIA_TYPE: Final = "application/problem+json"

PROTOCOL_PREFIX: Final = "/v2"
"""Paths of the Open Inference Protocol, whose clients read what is wrong in `error`."""

STATUSES: Final[dict[str, HTTPStatus]] = {
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid-params": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid-data": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid-setting": HTTPStatus.INTERNAL_SERVER_ERROR,
    "invalid-input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "blank-text": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not-found": HTTPStatus.NOT_FOUND,
    "alias-not-set": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "not-ready": HTTPStatus.SERVICE_UNAVAILABLE,
    "access": HTTPStatus.FORBIDDEN,
    "denied": HTTPStatus.FORBIDDEN,
    "token-missing": HTTPStatus.UNAUTHORIZED,
    "bad-signature": HTTPStatus.UNAUTHORIZED,
    "too-many-requests": HTTPStatus.TOO_MANY_REQUESTS,
    "refused": HTTPStatus.FORBIDDEN,
    "unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "bad-model": HTTPStatus.INTERNAL_SERVER_ERROR,
    "bad-scorer": HTTPStatus.INTERNAL_SERVER_ERROR,
    "bad-model-package": HTTPStatus.INTERNAL_SERVER_ERROR,
    "parity": HTTPStatus.INTERNAL_SERVER_ERROR,
    "run-failed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "missing-program": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""What each error's code is in HTTP."""

HEADERS: Final[dict[str, dict[str, str]]] = {
    "not-ready": {"Retry-After": "5"},
    "unreachable": {"Retry-After": "5"},
    "token-missing": {"WWW-Authenticate": "Bearer"},
}
"""What a client is told beside, for some codes."""


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["text"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    code: str = Field(examples=["invalid-input"], description="Stable name of the error.")
    detail: str = Field(examples=["text: Field required"])
    request_id: str | None = None
    errors: list[FieldError] | None = None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe error responses for the documentation of a route."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


def problem_response(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the response of an error, whose detail is one plain sentence."""
    problem = Problem(
        title=status.phrase,
        status=status,
        code=code,
        detail=redact(detail),
        request_id=getattr(request.state, "request_id", None),
        errors=errors,
    )
    content = problem.model_dump(exclude_none=True)
    if request.scope["path"].startswith(f"{PROTOCOL_PREFIX}/"):
        content["error"] = problem.detail
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def error_response(request: Request, error: SentimentError) -> JSONResponse:
    """Build the response of one of this project's errors."""
    return problem_response(
        request, STATUSES[error.code], error.code, str(error), headers=HEADERS.get(error.code)
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of an application leave as problem details."""

    @app.exception_handler(SentimentError)
    async def on_error(request: Request, error: SentimentError) -> JSONResponse:
        return error_response(request, error)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "-")
        return problem_response(request, status, code, error.detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_error(item) for item in error.errors()]
        detail = "; ".join(f"{item.field}: {item.message}" for item in errors)
        blank = all(item["type"] == BlankTextError.code for item in error.errors())
        code = BlankTextError.code if blank else InputError.code
        return problem_response(request, STATUSES[code], code, detail, errors=errors)


def unexpected_problem(request: Request) -> JSONResponse:
    """Build the response of an error that nobody expected, which says nothing of it."""
    code = SentimentError.code
    detail = "An unexpected error; the log has the details."
    return problem_response(request, STATUSES[code], code, detail)


def _field_error(error: dict[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":
        return FieldError(field="body", message="this is not valid JSON")
    field = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    return FieldError(field=field, message=error["msg"])
