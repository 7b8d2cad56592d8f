"""Errors as RFC 9457 problem details, and what the documentation says of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE: Final = "application/problem+json"


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["text"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["text: Field required"])
    request_id: str | None = None
    errors: list[FieldError] | None = None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe error responses for the documentation of a route.

    Parameters
    ----------
    *statuses : int
        HTTP status codes.

    Returns
    -------
    dict
        For FastAPI's ``responses``.
    """
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


def problem_response(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the response of an error.

    Parameters
    ----------
    request : Request
        Tells the request id.
    status : int
        HTTP status code.
    detail : str
        One plain sentence.
    errors : list of FieldError, optional
        The fields at fault.
    headers : mapping, optional
        More headers.

    Returns
    -------
    JSONResponse
        Of the media type ``application/problem+json``.
    """
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=getattr(request.state, "request_id", None),
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of an application leave as problem details.

    Parameters
    ----------
    app : FastAPI
        The application.
    """

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        return problem_response(request, error.status_code, error.detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_error(item) for item in error.errors()]
        detail = "; ".join(f"{item.field}: {item.message}" for item in errors)
        return problem_response(request, 422, detail, errors=errors)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, _error: Exception) -> JSONResponse:
        return problem_response(request, 500, "An unexpected error; the log has the details.")


def _field_error(error: dict[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":
        return FieldError(field="body", message="this is not valid JSON")
    field = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    return FieldError(field=field, message=error["msg"])
