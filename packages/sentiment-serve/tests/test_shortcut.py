"""The shortcut of POST /predict answers what the usual way does, to the byte.

A content type with a parameter goes the usual way.
"""

import json

import pytest

from sentiment_serve.api.shortcut import PredictionShortcut
from tests.support.tiny_models import make_scorer

pytestmark = pytest.mark.anyio

PLAIN, USUAL = "application/json", "application/json; charset=utf-8"
BODIES = [
    '{"text": "good"}', '{"text": "b\u00e4d bad \U0001f44d"}', '{"text":"\\u0067ood"}',
    '{"text": "bad", "text": "good"}', '{"text": "nobody knows this"}', ' {"text": "good"}\n',
    '{"text": "good" * 2}', "", "{}", "[]", "null", '"good"', "{", '{"text": null}',
    '{"text": 5}', '{"text": ["good"]}', '{"text": "good", "more": 1}', '{"text": ""}',
    '{"text": " \\t"}', '{"text": "\\u00a0"}', '{"text": "\\ud800"}', '{"text": "a\\u0000b"}',
    '{"text": "a\nb"}', '{"text": "good"} x', '\ufeff{"text": "good"}', '{"text": NaN}',
    '{"TEXT": "good"}', "[" * 2000, '{"text": "too long a text"}', "'text'",
]  # fmt: skip


@pytest.fixture
def taken(monkeypatch):
    """Count the requests that the shortcut answers."""
    answers, original = [], PredictionShortcut._answer

    def counting(self, scope, message):
        answer = original(self, scope, message)
        if answer is not None:
            answers.append(message["body"])
        return answer

    monkeypatch.setattr(PredictionShortcut, "_answer", counting)
    return answers


async def both(running, content, **headers):
    results = []
    for kind in (PLAIN, USUAL):
        answer = await running.client.post(
            "/predict", content=content,
            headers={"Content-Type": kind, "X-Request-ID": "same", **headers},
        )  # fmt: skip
        kept = {name: value for name, value in answer.headers.items() if name != "date"}
        results.append((answer.status_code, answer.content, kept))
    return results


@pytest.mark.parametrize(
    "labels", [None, {"negative": "compl\u00e4int", "positive": '"praise"'}], ids=["own", "named"]
)
async def test_every_body_is_answered_as_usual(start, registry, taken, labels):
    registry.add("1", make_scorer(labels=labels))
    async with start(max_text_length=20) as running:
        for body in BODIES:
            for content in (body.encode(), body.encode("utf-16")):
                short, usual = await both(running, content)
                assert short == usual, body
        expected = [body for body in BODIES if json_ok(body)]
        assert len(taken) == len(expected) >= 6


def json_ok(body):
    """Say whether a body is answered with a label, and is UTF-8 without a mark."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or set(value) != {"text"} or not isinstance(value["text"], str):
        return False
    text = value["text"]
    return bool(text.strip()) and len(text) <= 20 and "\ud800" not in text


async def test_no_champion_a_bug_and_a_body_in_pieces_are_the_usual_affair(
    start, registry, taken, monkeypatch
):
    async with start() as running:
        short, usual = await both(running, b'{"text": "good"}')
        assert short == usual
        assert short[0] == 503
        registry.add("1")
        await running.state.watcher.check()

        async def pieces():
            yield b'{"text": '
            yield b'"good"}'

        answer = await running.client.post(
            "/predict", content=pieces(), headers={"Content-Type": PLAIN}
        )
        assert answer.json()["sentiment"] == "positive"
        assert taken == []
        monkeypatch.setattr(
            "sentiment_serve.prediction.service.predict", lambda *_: 1 / 0
        )  # fmt: skip
        short, usual = await both(running, b'{"text": "good"}')
        assert short == usual
        assert short[0] == 500


async def test_a_body_that_is_too_long_is_refused_as_usual(start, registry):
    registry.add("1")
    async with start(max_body_bytes=1024) as running:
        short, usual = await both(running, json.dumps({"text": "x" * 2000}).encode())
        assert short == usual
        assert short[0] == 413


async def test_metrics_feedback_and_split_traffic_know_its_requests(start, registry, taken):
    registry.add("1")
    registry.add("2", make_scorer(3.0), alias="challenger")
    async with start(challenger_mode="split", challenger_percent=50) as running:
        await running.state.watcher.check()
        versions = set()
        for key in map(str, range(20)):
            short, usual = await both(running, b'{"text": "good"}', **{"X-Sticky-Key": key})
            assert short == usual
            assert short[0] == 200
            versions.add(json.loads(short[1])["model_version"])
        assert versions == {"1", "2"}
        assert len(taken) == 20
        requests = 'sentiment_requests_total{method="POST",route="/predict",status="200"}'
        assert await running.metric(requests) == 40
        feedback = {"request_id": "same", "sentiment": "positive"}
        assert (await running.client.post("/feedback", json=feedback)).status_code == 200
