import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from unittest.mock import Mock

import pytest

from sentiment_core.errors import UnreachableError
from sentiment_core.prediction import BLANK_TEXT
from sentiment_serve.model.version import RegisteredVersion
from sentiment_serve.settings import ServeSettings
from tests.support.tiny_models import make_scorer

pytestmark = pytest.mark.anyio


async def test_without_a_champion_requests_wait_for_one(start, registry):
    async with start() as running:
        answer = await running.predict()
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["content-type"] == "application/problem+json"
        health = await running.client.get("/health")
        assert health.status_code == 503
        detail = answer.json()["detail"]
        assert health.json() == {"status": "unhealthy", "model_loaded": False, "detail": detail}
        ready = await running.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json() == {
            "status": "not ready", "version": None, "degraded": [], "detail": detail,
        }  # fmt: skip
        info = await running.client.get("/model-info")
        assert info.status_code == 503
        assert info.json()["detail"] == detail
        assert (await running.client.get("/livez")).status_code == 200

        registry.add("1")
        await running.state.watcher.check()
        assert (await running.predict()).status_code == 200
        health = await running.client.get("/health")
        assert health.json() == {"status": "healthy", "model_loaded": True}


async def test_no_champion_says_how_to_make_one_and_is_told_from_an_outage(start, registry, caplog):
    async with start() as running:

        async def reason():
            for _ in range(3):
                await running.state.watcher.check()
            return (await running.predict()).json()["detail"]

        assert await reason() == (
            "No champion exists: no version of sentiment-classifier has @champion in the registry "
            "of this test. Make one with `sentiment-cli train --champion` (in the containers: "
            "`docker compose exec training sentiment-cli train --champion`)."
        )
        registry.reachable = False
        assert await reason() == "No champion is loaded. The registry does not answer."
        registry.reachable = True
        (registry.add("1") / "scorer.bin").unlink()
        assert (await reason()).startswith("No champion is loaded. Version 1 was refused: ")
        del registry.aliases["champion"]
        assert (await reason()).startswith("No champion exists: ")
        said = [record.getMessage() for record in caplog.records]
        # Once when it was first seen, and once after a version had the alias for a while.
        assert sum(line.startswith("No champion exists: ") for line in said) == 2
        registry.add("2")
        await running.state.watcher.check()
        assert (await running.predict()).status_code == 200
        assert "detail" not in (await running.client.get("/readyz")).json()


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("text", ["12345 !!!", "Прекрасный фильм", "<br/>"])
async def test_a_text_of_unknown_words_says_so(start, registry, path, text):
    registry.add("1")
    async with start() as running:
        body = (await running.client.post(path, json={"text": text})).json()
        assert body["low_information"] is True
        known = (await running.client.post(path, json={"text": f"{text} good good"})).json()
        assert "low_information" not in known
        batch = await running.client.post("/predict/batch", json={"texts": ["bad", text, "good"]})
        low = [item.get("low_information", False) for item in batch.json()["predictions"]]
        assert low == [False, True, False]
        name = 'sentiment_low_information_predictions_total{version="1"}'
        assert await running.metric(name) == 2


async def test_a_model_with_names_for_its_classes_answers_with_them(start, registry):
    names = {"negative": "complaint", "positive": "praise"}
    registry.add("1", make_scorer(labels=names))
    async with start() as running:
        answer = (await running.predict("bad")).json()
        assert (answer["sentiment"], answer["label"]) == ("negative", "complaint")
        batch = await running.client.post("/predict/batch", json={"texts": ["bad", "good"]})
        assert [item["label"] for item in batch.json()["predictions"]] == ["complaint", "praise"]
        explained = (await running.client.post("/explain", json={"text": "good"})).json()
        assert (explained["label"], explained["labels"]) == ("praise", names)
        registry.add("2")
        await running.state.watcher.check()
        for path in ("/predict", "/explain"):
            plain = (await running.client.post(path, json={"text": "good"})).json()
            assert not {"label", "labels"} & set(plain)


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0"])
async def test_a_blank_text_is_refused_everywhere_in_the_same_words(start, registry, text):
    registry.add("1")
    async with start() as running:
        for path in ("/predict", "/explain"):
            answer = await running.client.post(path, json={"text": text})
            assert answer.status_code == 422
            assert answer.json()["detail"] == f"text: {BLANK_TEXT}"
            assert answer.json()["errors"] == [{"field": "text", "message": BLANK_TEXT}]
        answer = await running.client.post("/predict/batch", json={"texts": ["good", text]})
        assert answer.status_code == 422
        assert answer.json()["detail"] == f"texts.1: {BLANK_TEXT}"


async def test_a_prediction_has_the_promised_shape(start, registry):
    registry.add("7")
    async with start() as running:
        answer = await running.predict("so good", **{"X-Request-ID": "my-id.1"})
        body = answer.json()
        assert list(body) == ["sentiment", "confidence", "model_version"]
        assert body["sentiment"] == "positive"
        assert body["confidence"] == pytest.approx(0.9836975, abs=1e-6)
        assert body["model_version"] == "7"
        assert answer.headers["x-request-id"] == "my-id.1"
        other = await running.predict("bad", **{"X-Request-ID": "not valid\x7f"})
        assert len(other.headers["x-request-id"]) == 32


async def test_a_batch_answers_in_order(start, registry):
    registry.add("1")
    async with start() as running:
        texts = ["good", "bad", "neither"] * 30
        answer = await running.client.post("/predict/batch", json={"texts": texts})
        sentiments = [item["sentiment"] for item in answer.json()["predictions"]]
        assert sentiments == ["positive", "negative", "positive"] * 30
        assert await running.metric('sentiment_predictions_total{sentiment="negative"') == 30


async def test_batches_take_turns_and_hold_up_no_single_text(start, registry):
    registry.add("1")
    async with start() as running:
        lane_is_free = threading.Event()
        running.state.service.batch_lane.submit(lane_is_free.wait)
        batch = asyncio.create_task(
            running.client.post("/predict/batch", json={"texts": ["good", "bad"]})
        )
        try:
            assert (await running.predict()).status_code == 200
            explained = await running.client.post("/explain", json={"text": "good"})
            assert explained.status_code == 200
            assert not batch.done()
        finally:
            lane_is_free.set()
        assert len((await batch).json()["predictions"]) == 2


async def test_an_explanation_sums_up(start, registry):
    registry.add("1")
    async with start() as running:
        body = (await running.client.post("/explain", json={"text": "Good, good bad"})).json()
        terms = sum(term["contribution"] for term in body["terms"])
        assert body["intercept"] + terms == pytest.approx(body["decision"])
        assert [word["word"] for word in body["words"]] == ["Good,", "good", "bad"]
        assert sum(word["contribution"] for word in body["words"]) == pytest.approx(terms)


async def test_model_info_tells_what_answers(start, registry):
    registry.add("3")
    async with start() as running:
        info = (await running.client.get("/model-info")).json()
        assert list(info.items())[:3] == [
            ("model_name", "sentiment-classifier"),
            ("version", "3"),
            ("alias", "champion"),
        ]
        assert info["metrics"] == {"f1": 0.9}
        assert len(info["scorer_digest"]) == 64
        assert info["degraded"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/predict", {}, 422, "text: Field required"),
        ("/predict", {"text": 5}, 422, "text: Input should be a valid string"),
        ("/predict", {"text": "a", "x": 1}, 422, "x: Extra inputs are not permitted"),
        ("/predict", {"text": "a" * 101}, 422, "text has 101 characters; 100 are allowed."),
        ("/predict/batch", {"texts": []}, 422, "texts: List should have at least 1 item"),
        ("/predict/batch", {"texts": ["a"] * 4}, 422, "texts has 4 entries; 3 are allowed."),
        ("/predict/batch", {"texts": ["a", "b" * 101]}, 422, "texts.1 has 101 characters"),
        ("/explain", {"text": "a" * 101}, 422, "text has 101 characters"),
        ("/feedback", {"request_id": "x", "sentiment": "meh"}, 422, "sentiment: Input should be"),
        ("/feedback", {"request_id": "x", "sentiment": "positive"}, 404, "No recent prediction"),
        ("/nowhere", {}, 404, "Not Found"),
    ],
)
async def test_bad_input_is_a_plain_problem(start, registry, path, body, status, detail):
    registry.add("1")
    async with start(max_text_length=100, max_batch_size=3) as running:
        answer = await running.client.post(path, json=body)
        assert answer.status_code == status
        problem = answer.json()
        assert detail in problem["detail"]
        assert problem["status"] == status
        assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"text": "\\ud800"}', b"[" * 5000, b'{"text": %s}' % (b"9" * 5000)],
)
async def test_a_senseless_body_is_the_clients_fault(start, registry, content):
    registry.add("1")
    async with start() as running:
        headers = {"Content-Type": "application/json"}
        answer = await running.client.post("/predict", content=content, headers=headers)
        assert 400 <= answer.status_code < 500
        batch = content.replace(b'"text": ', b'"texts": ["good", ').replace(b"}", b"]}")
        answer = await running.client.post("/predict/batch", content=batch, headers=headers)
        assert 400 <= answer.status_code < 500


async def test_a_long_body_is_refused_while_it_arrives(start, registry):
    registry.add("1")
    sent = 0

    async def endless():
        nonlocal sent
        yield b'{"text": "'
        while sent < 100_000_000:
            sent += 4096
            yield b"a" * 4096

    async with start(max_body_bytes=10_000) as running:
        answer = await running.client.post(
            "/predict", content=endless(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert "longer than 10000 bytes" in answer.json()["detail"]
    assert sent < 50_000


async def test_feedback_counts_once_and_by_version(start, registry):
    registry.add("5")
    async with start() as running:
        ids = [(await running.predict("good")).headers["x-request-id"] for _ in range(3)]
        for request_id, label in zip(ids, ["positive", "positive", "negative"], strict=True):
            body = {"request_id": request_id, "sentiment": label}
            answer = await running.client.post("/feedback", json=body)
            assert answer.json() == {"correct": label == "positive", "model_version": "5"}
        explained = await running.client.post("/explain", json={"text": "bad"})
        body = {"request_id": explained.headers["x-request-id"], "sentiment": "positive"}
        answer = await running.client.post("/feedback", json=body)
        assert answer.json() == {"correct": False, "model_version": "5"}
        again = await running.client.post("/feedback", json=body)
        assert again.status_code == 409
        name = "sentiment_feedback_total"
        assert await running.metric(f'{name}{{correct="true",version="5"}}') == 2
        assert await running.metric(f'{name}{{correct="false",version="5"}}') == 2


async def test_admin_needs_the_token_where_one_is_set(start, registry):
    registry.add("1")
    async with start(admin_token="secret", client_host="10.0.0.9") as running:

        async def reload(**headers):
            return (await running.client.post("/admin/reload", headers=headers)).status_code

        assert await reload() == 401
        assert await reload(Authorization="Bearer wrong") == 403
        assert await reload(Authorization="Basic secret") == 401
        assert await reload(Authorization="Bearer secret") == 200
        registry.add("2")
        answer = await running.client.post(
            "/admin/reload", headers={"Authorization": "Bearer secret"}
        )
        assert answer.json() == {"reloaded": True, "version": "2"}


async def test_every_admin_route_asks_for_the_token(start, registry):
    registry.add("1")
    async with start(admin_token="secret", client_host="10.0.0.9") as running:
        paths = [path for path in running.app.openapi()["paths"] if path.startswith("/admin/")]
        assert len(paths) >= 2
        for path in paths:
            assert (await running.client.post(path)).status_code == 401


async def test_an_api_alone_names_the_command_that_rolls_back(start, registry, monkeypatch):
    monkeypatch.setattr("sentiment_serve.model.rollback.find_spec", lambda _name: None)
    registry.add("1")
    async with start() as running:
        answer = await running.client.post("/admin/rollback", json={"champion": "1"})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "sentiment-cli rollback" in answer.json()["detail"]
        for champion in ("--help", "1\0", "x"):
            answer = await running.client.post("/admin/rollback", json={"champion": champion})
            assert answer.status_code == 422


async def test_admin_without_a_token_answers_to_the_machine_itself_alone(start, registry):
    registry.add("1")
    async with start(client_host="10.0.0.9") as running:
        assert (await running.client.post("/admin/reload")).status_code == 403
    async with start(client_host="127.0.0.1") as running:
        assert (await running.client.post("/admin/reload")).status_code == 200
        forwarded = {"X-Forwarded-For": "8.8.8.8"}
        answer = await running.client.post("/admin/reload", headers=forwarded)
        assert answer.status_code == 403


def signed(body, *, secret="hook", age=0, delivery="d1"):  # pragma: allowlist secret
    timestamp = str(int(time.time()) - age)
    content = f"{delivery}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest())
    return {
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": f"v1,{digest.decode()}",
    }


async def test_a_signed_webhook_triggers_a_check_once(start, registry):
    registry.add("1")
    body = json.dumps({"entity": "model_version_alias", "action": "created"}).encode()
    async with start(webhook_secret="hook") as running:  # pragma: allowlist secret

        async def send(headers, content=body):
            return await running.client.post("/webhooks/mlflow", content=content, headers=headers)

        registry.add("2")
        assert (await send({})).status_code == 401
        forged = signed(body, secret="other")  # pragma: allowlist secret
        assert (await send(forged)).status_code == 401
        assert (await send(signed(body), content=body + b" ")).status_code == 401
        assert (await send(signed(body, age=3600))).status_code == 401
        answer = await send(signed(body))
        assert answer.json() == {"reloaded": True, "version": "2"}
        assert (await send(signed(body))).status_code == 409
    async with start() as running:
        answer = await running.client.post("/webhooks/mlflow", content=body, headers=signed(body))
        assert answer.status_code == 404


async def test_the_page_needs_nothing_from_elsewhere(start, registry):
    async with start() as running:
        page = await running.client.get("/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "http" not in page.text
        docs = await running.client.get("/docs")
        assert docs.status_code == 200
        assert "connect-src 'self'" in docs.headers["content-security-policy"]
        assert "http" not in docs.text
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
            assert asset in docs.text
            assert (await running.client.get(f"/docs-assets/{asset}")).status_code == 200
        assert (await running.client.get("/redoc")).status_code == 404


async def test_other_origins_are_allowed_only_when_named(start, registry):
    headers = {"Origin": "https://shop.example"}
    async with start() as running:
        answer = await running.client.get("/livez", headers=headers)
        assert "access-control-allow-origin" not in answer.headers
    async with start(cors_origins=["https://shop.example"]) as running:
        answer = await running.client.get("/livez", headers=headers)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_bug_is_a_problem_without_details(start, registry, monkeypatch, caplog):
    registry.add("1")
    async with start() as running:
        monkeypatch.setattr(running.state.service, "check_text", lambda *_: 1 / 0)
        answer = await running.predict(**{"X-Request-ID": "find-me"})
        assert answer.status_code == 500
        assert "ZeroDivision" not in answer.text
        assert answer.json()["status"] == 500
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == "find-me"
        assert len((await running.predict()).headers["x-request-id"]) == 32
        counted = 'sentiment_requests_total{method="POST",route="/predict",status="500"}'
        assert await running.metric(counted) == 2
        (first, _) = [record for record in caplog.records if record.exc_info]
        assert first.request_id == "find-me"
        assert first.exc_info[0] is ZeroDivisionError


def test_settings_explain_themselves_and_refuse_contradictions():
    assert all(field.description for field in ServeSettings.model_fields.values())
    with pytest.raises(ValueError, match="PREDICTION_LOG=s3 needs"):
        ServeSettings(prediction_log="s3", prediction_log_path="folder")
    with pytest.raises(ValueError, match="and only it does"):
        ServeSettings(prediction_log="file", prediction_log_path="s3://b/p")


async def test_people_see_what_the_champion_has_learned(start, registry):
    async with start() as running:
        assert (await running.client.get("/model-report")).status_code == 503
        registry.add("1")
        await running.state.watcher.check()
        report = (await running.client.get("/model-report")).json()
        assert (report["version"], report["n_terms"]) == ("1", 2)
        assert [term["term"] for term in report["positive_terms"]] == ["good", "bad"]
        assert [term["term"] for term in report["negative_terms"]] == ["bad", "good"]
        registry.add("2", make_scorer(-4.0))
        await running.state.watcher.check()
        report = (await running.client.get("/model-report")).json()
        assert [term["term"] for term in report["positive_terms"]] == ["bad", "good"]


async def test_however_many_look_at_the_versions_the_registry_is_asked_once(
    start, registry, monkeypatch
):
    asked = []
    decision = {"verdict": "promoted", "candidate_score": "nan", "decided_at": "yesterday"}

    def versions():
        asked.append(1)
        return [RegisteredVersion("1", aliases=("champion",), decision=decision)]

    monkeypatch.setattr(registry, "versions", versions)
    async with start() as running:
        answers = await asyncio.gather(*(running.client.get("/model-versions") for _ in range(20)))
        assert len(asked) == 1
        (version,) = answers[-1].json()["versions"]
        assert version == {
            "version": "1", "created_at": None, "aliases": ["champion"], "verdict": "promoted",
            "reason": None, "metric": None, "score": None, "decided_at": None,
        }  # fmt: skip


async def test_a_registry_that_does_not_answer_is_asked_again_by_the_next_who_looks(
    start, registry, monkeypatch
):
    error = UnreachableError("The registry does not answer.")
    monkeypatch.setattr(registry, "versions", Mock(side_effect=[error, []]))
    async with start() as running:
        assert (await running.client.get("/model-versions")).status_code == 503
        assert (await running.client.get("/model-versions")).json()["versions"] == []
