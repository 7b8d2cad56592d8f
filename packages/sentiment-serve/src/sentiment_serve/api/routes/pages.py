"""The page for people, and the metrics for Prometheus."""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from sentiment_serve.api.state import state_of

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Show the page where a person can try the model."""
    return _static("index.html", "text/html")


@router.get("/static/page.css")
async def page_style() -> Response:
    """Send the looks of the page."""
    return _static("page.css", "text/css")


@router.get("/static/page.js")
async def page_script() -> Response:
    """Send the behaviour of the page."""
    return _static("page.js", "text/javascript")


@router.get("/static/model.js")
async def model_script() -> Response:
    """Send the behaviour of the page's second view."""
    return _static("model.js", "text/javascript")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Export what is counted."""
    content = state_of(request).service.metrics.render()
    return Response(content, media_type=CONTENT_TYPE_LATEST)


def _static(name: str, media_type: str) -> Response:
    return Response(
        files("sentiment_serve").joinpath("static", name).read_bytes(),
        media_type=f"{media_type}; charset=utf-8",
        headers={
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            # The files belong together: none may be older than the others.
            "Cache-Control": "no-cache",
        },
    )
