"""Rolling back through the API: in a real registry, with the command line beside."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import eventually, free_port

# MLflow warns of its own types when a model is logged.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


def roll_back(api, champion):
    return api.client.post("/admin/rollback", json={"champion": champion}, timeout=180)


def test_two_clicks_at_once_go_back_once(start_api, publisher, tmp_path):
    for _ in range(3):
        publisher.publish(tmp_path)
    with start_api(WORKERS="2", MODEL_RELOAD_INTERVAL="0") as api:
        eventually(lambda: api.version() == "3")
        assert api.client.get("/model-versions").json()["can_roll_back"] is True
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(roll_back, [api, api], ["3", "3"]))
        done, late = sorted(answers, key=lambda answer: answer.status_code)
        assert done.json() == {"former": "3", "champion": "2", "passed_over": [], "version": "2"}
        assert (late.status_code, late.json()["code"]) == (409, "conflict")
        assert "is version 2, not 3: nothing was changed" in late.json()["detail"]
        # Every worker follows at once, without a poll; what was known of the registry is forgotten.
        eventually(lambda: {api.version() for _ in range(20)} == {"2"})
        versions = api.client.get("/model-versions").json()["versions"]
        assert [found["version"] for found in versions if "champion" in found["aliases"]] == ["2"]
        assert roll_back(api, "2").json()["champion"] == "1"
        none_left = roll_back(api, "1")
        assert none_left.status_code == 409
        assert "no previous champion to roll back to" in none_left.json()["detail"]
    assert publisher.registry.champion() == "1"


def test_a_registry_that_is_away_changes_nothing(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api() as api:
        eventually(api.version)
    away = f"http://127.0.0.1:{free_port()}"
    with start_api(
        MLFLOW_TRACKING_URI=away, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MODEL_RELOAD_INTERVAL="0"
    ) as api:
        answer = roll_back(api, "1")
        assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")
        assert "Traceback" not in answer.text


def test_without_the_token_nothing_is_changed(start_api, publisher, tmp_path):
    for _ in range(2):
        publisher.publish(tmp_path)
    with start_api(ADMIN_TOKEN="secret") as api:
        assert roll_back(api, "2").status_code == 401
    assert publisher.registry.champion() == "2"
