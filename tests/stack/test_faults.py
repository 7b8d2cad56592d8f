"""Parts of the stack that die while models are trained and served."""

import threading
import time

import httpx
import pytest

from tests.support import eventually
from tests.support.stack import api, assert_champion_is_sound, kill_in_the_middle

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

MORTAL = ("postgres", "s3", "mlflow")
# Longer than any part takes to come back, on any machine.
PATIENT = str([2] * 50)


@pytest.fixture
def heal(stack):
    """Afterwards every part answers again."""
    yield
    for part in MORTAL:
        if stack.parts[part].popen.poll() is not None:
            stack.start(part)


def one_of(parts, chosen):
    """All parts, of which the default run takes one."""
    marks = {part: () if part == chosen else pytest.mark.chaos for part in parts}
    return [pytest.param(part, marks=marks[part]) for part in parts]


@pytest.mark.parametrize("part", one_of(MORTAL, "s3"))
def test_a_training_survives_a_part_that_comes_back(stack, heal, champion, model_name, part):
    process = stack.popen(
        "train", "--champion", "--data-path", "reviews.csv", "--json",
        MODEL_NAME=model_name, MLFLOW_EXPERIMENT_NAME=f"back-{model_name}",
        TRAIN_RETRY_DELAY_SECONDS=PATIENT,
    )  # fmt: skip
    kill_in_the_middle(stack, part, f"back-{model_name}")
    time.sleep(1)
    stack.start(part)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert_champion_is_sound(stack, model_name)


@pytest.mark.parametrize("part", one_of(MORTAL, "postgres"))
def test_a_training_fails_plainly_if_it_stays_away(stack, heal, champion, model_name, part):
    process = stack.popen(
        "train", "--champion", "--data-path", "reviews.csv",
        MODEL_NAME=model_name, MLFLOW_EXPERIMENT_NAME=f"away-{model_name}",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )  # fmt: skip
    kill_in_the_middle(stack, part, f"away-{model_name}")
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode != 0, stdout
    assert "Error: " in stderr
    assert "Traceback" not in stdout + stderr
    assert "Set as champion" not in stdout
    stack.start(part)
    assert_champion_is_sound(stack, model_name)
    # The next training is none the worse for it.
    stack.cli("train", "--champion", "--data-path", "reviews.csv", MODEL_NAME=model_name)


def version(client):
    return client.post("/predict", json={"text": "fine"}).json().get("model_version")


@pytest.mark.parametrize("source", one_of(("registry", "bucket"), "registry"))
def test_no_prediction_fails_while_parts_die_and_all_recovers(
    stack, heal, champion, model_name, source
):
    pointer = {}
    if source == "bucket":
        stack.cli("export-champion", MODEL_NAME=model_name)
        pointer = {"MODEL_SOURCE": f"s3://models/{model_name}"}
    with api(stack, model_name, **pointer) as client:
        eventually(lambda: version(client) == champion)
        statuses, stop = [], threading.Event()

        def ask():
            with httpx.Client(base_url=client.base_url) as asking:
                while not stop.is_set():
                    answer = asking.post("/predict", json={"text": "a fine film"})
                    statuses.append(answer.status_code)
                    stop.wait(0.02)  # leaves the machine to what has to come back

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            needed = ("s3",) if source == "bucket" else ("postgres", "mlflow")
            for part in MORTAL:
                stack.kill(part)
                if part in needed:
                    eventually(lambda: client.get("/readyz").json()["degraded"], 60)
                else:
                    time.sleep(1)
                stack.start(part)
                eventually(lambda: not client.get("/readyz").json()["degraded"], 60)
            stack.cli("train", "--data-path", "reviews.csv", MODEL_NAME=model_name)
            stack.cli("set-alias", "--version", "2", "--alias", "champion", MODEL_NAME=model_name)
            eventually(lambda: version(client) == "2")
        finally:
            stop.set()
            thread.join()
    assert len(statuses) > 100
    assert set(statuses) == {200}


def test_a_worker_starts_from_the_cache_while_everything_is_down(stack, heal, champion, model_name):
    home = str(stack.root / f"home-{model_name}")
    with api(stack, model_name, SENTIMENT_HOME=home) as client:
        eventually(lambda: version(client) == champion)
    for part in MORTAL:
        stack.kill(part)
    with api(stack, model_name, SENTIMENT_HOME=home) as client:
        assert version(client) == champion
        assert client.get("/model-info").json()["from_cache"] is True
    for part in MORTAL:
        stack.start(part)


def test_storage_is_made_once_and_refusals_are_plain(stack, heal):
    made = stack.cli("init-storage", "--json")
    assert {bucket["created"] for bucket in made["buckets"]} == {False}
    assert made["users"] == []
    text = stack.cli("init-storage", exit_code=1, AWS_SECRET_ACCESS_KEY="wrong")
    assert "refuses the key minioadmin" in text
    text = stack.cli("init-storage", exit_code=1, AWS_ACCESS_KEY_ID="nobody")
    assert "refuses the key nobody" in text
    stack.kill("s3")
    text = stack.cli("init-storage", "--timeout", 1, exit_code=3)
    assert "does not answer" in text
    waiting = stack.popen("init-storage", "--json")
    time.sleep(1)
    stack.start("s3")
    waiting.communicate(timeout=120)
    assert waiting.returncode == 0


def test_doctor_names_what_is_down(stack, heal):
    stack.kill("mlflow")
    checks = {check["name"]: check for check in stack.cli("doctor", "--json", exit_code=1)}
    assert checks["MLflow"]["status"] == "failed"
    assert "MLFLOW_TRACKING_URI" in checks["MLflow"]["advice"]
    assert checks["artifact store"]["status"] == "ok"
