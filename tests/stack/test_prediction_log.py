"""The prediction log in a real bucket, also across an absence of the store."""

import json

import pytest

from sentiment_core.s3_store import s3_client
from sentiment_core.store_settings import StoreSettings
from tests.stack.test_faults import version
from tests.support import eventually
from tests.support.stack import api

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_predictions_are_recorded_in_a_bucket_and_survive_its_absence(
    stack, champion, model_name, monkeypatch
):
    settings = {
        "PREDICTION_LOG": "s3", "PREDICTION_LOG_PATH": f"s3://data/log-{model_name}",
        "PREDICTION_LOG_KEY": "key",
    }  # fmt: skip
    with api(stack, model_name, **settings) as client:
        eventually(lambda: version(client) == champion)
        stack.kill("s3")
        for number in range(1200):  # more than one object's worth
            headers = {"X-Request-ID": f"private-{number}"}
            client.post("/predict", json={"text": "a private review"}, headers=headers)
        stack.start("s3")
    for name, value in stack.client_environment.items():
        monkeypatch.setenv(name, value)
    store = s3_client(StoreSettings())
    listing = store.list_objects_v2(Bucket="data", Prefix=f"log-{model_name}/")
    bodies = [
        store.get_object(Bucket="data", Key=item["Key"])["Body"].read()
        for item in listing["Contents"]
    ]
    store.close()
    entries = [json.loads(line) for body in bodies for line in body.splitlines()]
    recorded = {entry["request_id"] for entry in entries}
    assert recorded >= {f"private-{number}" for number in range(1200)}
    assert {entry["version"] for entry in entries} == {champion}
    assert not any(b"private review" in body for body in bodies)
