"""The Open Inference Protocol, version 2, as its specification and its clients have it."""

import json
import struct

import pytest

from tests.support.tiny_models import make_scorer

pytestmark = pytest.mark.anyio

MODEL = "/v2/models/sentiment-classifier"


def tensor(*texts, **values):
    return {
        "inputs": [
            {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts} | values
        ]
    }


def outputs(answer):
    return {output["name"]: output for output in answer.json()["outputs"]}


async def test_texts_become_tensors(start, registry):
    registry.add("7")
    async with start() as running:
        request = tensor("good", "bad", "nobody knows") | {"id": "42"}
        answer = await running.client.post(f"{MODEL}/infer", json=request)
        body = answer.json()
        assert (body["model_name"], body["model_version"], body["id"]) == (
            "sentiment-classifier", "7", "42",
        )  # fmt: skip
        batch = await running.client.post(
            "/predict/batch", json={"texts": ["good", "bad", "nobody knows"]}
        )
        expected = batch.json()["predictions"]
        found = outputs(answer)
        assert found["sentiment"]["data"] == [item["sentiment"] for item in expected]
        assert found["confidence"] == {
            "name": "confidence", "shape": [3], "datatype": "FP64",
            "data": [item["confidence"] for item in expected],
        }  # fmt: skip
        assert found["low_information"]["data"] == [False, False, True]
        nested = tensor(["good"], ["bad"], shape=[2, 1])
        answer = await running.client.post(f"{MODEL}/versions/7/infer", json=nested)
        assert outputs(answer)["sentiment"]["data"] == ["positive", "negative"]


async def test_one_output_may_be_asked_for_and_names_are_one(start, registry):
    registry.add("1", make_scorer(labels={"negative": "complaint", "positive": "praise"}))
    async with start() as running:
        request = tensor("good") | {"outputs": [{"name": "label"}]}
        answer = await running.client.post(f"{MODEL}/infer", json=request)
        assert outputs(answer) == {
            "label": {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["praise"]}
        }


async def test_tensors_may_be_bytes_behind_the_json(start, registry):
    registry.add("1")
    texts = ["good", "schlecht \u00fc bad"]
    content = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)
    header = tensor(shape=[2], parameters={"binary_data_size": len(content)})
    del header["inputs"][0]["data"]
    header["outputs"] = [
        {"name": "sentiment", "parameters": {"binary_data": True}},
        {"name": "confidence", "parameters": {"binary_data": True}},
        {"name": "low_information"},
    ]
    encoded = json.dumps(header).encode()
    async with start() as running:
        answer = await running.client.post(
            f"{MODEL}/infer", content=encoded + content,
            headers={"Inference-Header-Content-Length": str(len(encoded))},
        )  # fmt: skip
        end = int(answer.headers["Inference-Header-Content-Length"])
        described = json.loads(answer.content[:end])["outputs"]
        assert "data" not in described[0]
        assert described[2]["data"] == [False, True]
        sizes = [output["parameters"]["binary_data_size"] for output in described[:2]]
        assert sum(sizes) == len(answer.content) - end
        labels = answer.content[end : end + sizes[0]]
        assert labels == b"\x08\0\0\0positive\x08\0\0\0negative"
        confidences = struct.unpack("<2d", answer.content[end + sizes[0] :])
        assert all(0.5 < confidence < 1 for confidence in confidences)


@pytest.mark.parametrize(
    ("content", "length", "message"),
    [
        (b"{}", None, "inputs: Field required"),
        (b"nonsense", None, "Invalid JSON"),
        (json.dumps(tensor("x", name="other")).encode(), None, "inputs.0.name"),
        (json.dumps(tensor("x", datatype="FP32")).encode(), None, "inputs.0.datatype"),
        (json.dumps(tensor("x", shape=[2])).encode(), None, "shape is [2], and there are 1 texts"),
        (json.dumps(tensor(5)).encode(), None, "valid string"),
        (json.dumps(tensor(" ")).encode(), None, "blank"),
        (json.dumps(tensor("\ud800")).encode(), None, "Invalid JSON"),
        (json.dumps(tensor()).encode(), None, "there are 0 texts"),
        (json.dumps(tensor("x") | {"outputs": [{"name": "odd"}]}).encode(), None, "no output odd"),
        (b"{}", "9", "not the length of the JSON"),
        (b"{}", "-1", "not the length of the JSON"),
        (b"{}", "\u00b2".encode(), "not the length of the JSON"),
    ],
)
async def test_what_is_no_request_is_told_as_clients_expect_it(
    start, registry, content, length, message
):
    registry.add("1")
    headers = {"Inference-Header-Content-Length": length} if length else {}
    async with start() as running:
        answer = await running.client.post(f"{MODEL}/infer", content=content, headers=headers)
        assert answer.status_code == 422
        assert message in answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize(
    ("size", "content", "message"),
    [
        (3, b"\x01\0", "binary_data_size"),
        ("2", b"\x01\0", "binary_data_size"),
        (True, b"\x01", "binary_data_size"),
        (2, b"\x01\0", "within a length"),
        (5, b"\xff\xff\xff\xffx", "within a text"),
        (5, b"\x01\0\0\0\xff", "not UTF-8"),
    ],
)
async def test_bytes_that_are_no_texts_are_refused(start, registry, size, content, message):
    registry.add("1")
    header = json.dumps(tensor("x", parameters={"binary_data_size": size})).encode()
    async with start() as running:
        answer = await running.client.post(
            f"{MODEL}/infer", content=header + content,
            headers={"Inference-Header-Content-Length": str(len(header))},
        )  # fmt: skip
        assert answer.status_code == 422
        assert message in answer.json()["error"]


async def test_the_server_and_its_models_describe_themselves(start, registry):
    async with start() as running:
        get = running.client.get
        assert (await get("/v2/health/live")).json() == {"live": True}
        assert (await get("/v2")).json()["extensions"] == ["binary_tensor_data"]
        assert (await get("/v2/health/ready")).status_code == 503
        assert (await get(MODEL)).status_code == 503
        registry.add("1")
        registry.add("2", make_scorer(3.0), alias="challenger")
        await running.state.watcher.check()
        assert (await get("/v2/health/ready")).json() == {"ready": True}
        described = (await get(MODEL)).json()
        assert (described["name"], described["versions"]) == ("sentiment-classifier", ["1"])
        assert described["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
        assert (await get(f"{MODEL}/versions/1/ready")).json() == {"ready": True}
        for unknown in (f"{MODEL}/versions/9", "/v2/models/other", f"{MODEL}/versions/9/ready"):
            answer = await get(unknown)
            assert answer.status_code == 404
            assert "only sentiment-classifier version 1" in answer.json()["error"]


async def test_the_limits_of_texts_hold_here_too(start, registry):
    registry.add("1")
    async with start(max_text_length=5, max_batch_size=2) as running:
        for texts in (["toolong"], ["a", "b", "c"]):
            answer = await running.client.post(f"{MODEL}/infer", json=tensor(*texts))
            assert answer.status_code == 422
            assert "are allowed" in answer.json()["error"]
