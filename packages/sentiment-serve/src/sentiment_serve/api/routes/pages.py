"""The page for people, and the metrics for Prometheus."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from sentiment_serve.api.state import state_of

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Show the page where a person can try the model."""
    content = files("sentiment_serve").joinpath("static/index.html").read_bytes()
    return Response(
        content,
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"},
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Export what is counted."""
    content = state_of(request).service.metrics.render()
    return Response(content, media_type=CONTENT_TYPE_LATEST)
