"""Minutes at full load, with a new champion every five seconds."""

import os
import statistics
import time

import mlflow
import pytest

from sentiment_train.registry.versions import Registry
from tests.chaos.load import Predictions
from tests.chaos.report import Row
from tests.support import api_workers, eventually
from tests.support.stack import api

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

SECONDS = float(os.environ.get("CHAOS_SOAK_SECONDS", "600"))
PAUSE_SECONDS = 5
GROWTH = 1.05


@pytest.fixture
def registry(stack, model_name, monkeypatch):
    """A registered model of two versions, which differ."""
    for options in ((), ("--samples", 300)):
        stack.cli("train", *options, MODEL_NAME=model_name)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.setenv(name, stack.client_environment[name])
    mlflow.set_tracking_uri(stack.client_environment["MLFLOW_TRACKING_URI"])
    yield Registry(model_name)
    mlflow.set_tracking_uri(None)


def test_promotions_under_load_fail_no_request_and_leak_nothing(stack, registry, model_name, table):
    registry.set_alias("champion", "1")
    memory, delays = [], []
    with api(stack, model_name, WORKERS="2") as client:
        eventually(lambda: client.get("/readyz").status_code == 200, 60)
        with Predictions(client.base_url) as predictions:
            begin = time.monotonic()
            while (now := time.monotonic()) - begin < SECONDS:
                champion = str(1 + len(memory) % 2)
                registry.set_alias("champion", champion)
                moved = time.monotonic()
                eventually(lambda champion=champion: is_served(client, champion))
                delays.append(time.monotonic() - moved)
                memory.append(
                    sum(worker.memory_info().rss for worker in api_workers(client.process.pid))
                )
                time.sleep(max(0, now + PAUSE_SECONDS - time.monotonic()))
    half = len(memory) // 2
    first, second = statistics.fmean(memory[half // 4 : half]), statistics.fmean(memory[half:])
    failed = predictions.statuses.total() - predictions.statuses[200]
    table.rows.append(
        Row(f"API, {SECONDS / 60:.0f} minutes", f"{len(memory)} promotions", len(memory), 0, 0,
            statistics.median(delays), predictions.statuses.total(), failed)
    )  # fmt: skip
    assert failed == 0
    assert second < GROWTH * first, f"{first / 2**20:.0f} MB, then {second / 2**20:.0f} MB"


def is_served(client, version):
    return client.post("/predict", json={"text": "fine"}).json()["model_version"] == version
