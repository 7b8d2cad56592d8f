"""The applications that bench/serving.py compares, each in a process of its own."""

import json

from fastapi import FastAPI, Response
from pydantic import BaseModel


def ours() -> FastAPI:
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


class Review(BaseModel):
    text: str


def naive() -> FastAPI:
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
