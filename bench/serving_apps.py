"""The applications that bench/serving.py compares, each in a process of its own."""

import json

from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send


def ours_application() -> FastAPI:
    """Make the API as shipped, with one more route that only validates the body: the ceiling."""
    from sentiment_core.store_settings import StoreSettings
    from sentiment_serve.api.schemas import PredictRequest
    from sentiment_serve.app import create_app
    from sentiment_serve.settings import ServeSettings

    app = create_app(ServeSettings(), StoreSettings())
    answer = json.dumps({"sentiment": "positive", "confidence": 0.9, "model_version": "1"})

    @app.post("/ceiling")
    async def ceiling(_body: PredictRequest) -> Response:
        return Response(answer, media_type="application/json")

    return app


def bare_application() -> ASGIApp:
    """Make what is left if all but reading and parsing were free."""
    return _bare


async def _bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    json.loads(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


class Review(BaseModel):
    text: str


def naive_application() -> FastAPI:
    """Make what one writes first: scikit-learn, twice, inside an asynchronous handler."""
    from bench.reviews import fit_on_reviews

    app = FastAPI()
    pipeline = fit_on_reviews()

    @app.post("/predict")
    async def predict(body: Review) -> dict[str, object]:
        label = int(pipeline.predict([body.text])[0])
        confidence = float(pipeline.predict_proba([body.text])[0].max())
        sentiment = ("negative", "positive")[label]
        return {"sentiment": sentiment, "confidence": confidence, "model_version": "1"}

    return app
