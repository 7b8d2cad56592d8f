"""Real API processes on a real MLflow server: reload, faults, load, signals."""

import contextlib
import itertools
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import mlflow
import pytest

from sentiment_core.model_package import SCORER_FILE
from sentiment_core.registry_names import CHALLENGER, CHAMPION
from tests.serving.conftest import Publisher
from tests.support import BIN, api_workers, eventually, mlflow_server

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(180)]


class Traffic:
    """Requests that flow for the whole of a test; every answer is kept."""

    def __init__(self, url, threads=4):
        self.url, self.stopped, self.statuses, self.answers = url, threading.Event(), [], []
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.stopped.is_set():
                answer = client.post("/predict", json={"text": "good"})
                self.statuses.append(answer.status_code)
                self.answers.append(answer.json())


def test_the_first_champion_ends_the_wait_without_a_restart(start_api, publisher, tmp_path):
    with start_api() as api:
        answer = api.predict()
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        version = publisher.publish(tmp_path)
        eventually(lambda: api.version() == version)
        assert api.client.get("/health").json() == {"status": "healthy", "model_loaded": True}


def test_promotion_and_rollback_reload_under_traffic(start_api, publisher, tmp_path):
    versions = [publisher.publish(tmp_path, weight=weight, alias=None) for weight in (4.0, -4.0)]
    sentiment = dict(zip(versions, ("positive", "negative"), strict=True))
    publisher.registry.set_alias(CHAMPION, versions[0])
    with start_api() as api:
        eventually(api.version)
        with Traffic(api.url) as traffic:
            for version in (versions * 4)[1:]:
                publisher.registry.set_alias(CHAMPION, version)
                eventually(lambda version=version: api.version() == version)
        assert set(traffic.statuses) == {200}
        assert {answer["model_version"] for answer in traffic.answers} == set(versions)
        for answer in traffic.answers:
            assert answer["sentiment"] == sentiment[answer["model_version"]]


def test_a_bad_version_is_refused_and_the_old_one_answers(start_api, publisher, tmp_path):
    good = publisher.publish(tmp_path)
    with start_api() as api:
        eventually(api.version)
        spoiled = [
            lambda package: (package / SCORER_FILE).unlink(),
            lambda package: (package / SCORER_FILE).write_bytes(b"rubbish"),
        ]
        for spoil in spoiled:
            bad = publisher.publish(tmp_path, weight=2.0, spoil=spoil)

            def refused(bad=bad):
                degraded = api.client.get("/model-info").json()["degraded"]
                return any(f"Version {bad} " in line for line in degraded)

            eventually(refused)
        attempts = api.metric("sentiment_reload_attempts_total")
        time.sleep(1)  # three more checks
        assert api.metric("sentiment_reload_attempts_total") == attempts
        assert api.version() == good
        newest = publisher.publish(tmp_path, weight=3.0)
        eventually(lambda: api.version() == newest)


def test_no_request_fails_while_the_registry_is_dead_and_it_recovers(
    start_api, tmp_path_factory, tmp_path
):
    folder = tmp_path_factory.mktemp("mortal")
    with mlflow_server(folder) as server:
        publisher = Publisher(server.url, "mortal")
        first = publisher.publish(tmp_path)
        with start_api(MLFLOW_TRACKING_URI=server.url, MODEL_NAME="mortal") as api:
            eventually(api.version)
            server.kill()
            with Traffic(api.url) as traffic:
                eventually(lambda: api.client.get("/readyz").json()["degraded"])
                time.sleep(2)
            assert set(traffic.statuses) == {200}

            # A worker that starts now lives on the cache.
            with start_api(MLFLOW_TRACKING_URI=server.url, MODEL_NAME="mortal") as other:
                assert other.version() == first
                assert other.client.get("/model-info").json()["from_cache"] is True

            server.start()
            eventually(lambda: not api.client.get("/readyz").json()["degraded"])
            second = publisher.publish(tmp_path, weight=2.0)
            eventually(lambda: api.version() == second)


def test_a_thousand_clients_at_once_are_all_answered(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api() as api:
        eventually(api.version)
        start = threading.Barrier(1000)

        def ask(number):
            start.wait()
            with httpx.Client(timeout=60) as client:
                return client.post(f"{api.url}/predict", json={"text": "good"}).status_code

        with ThreadPoolExecutor(1000) as pool:
            assert set(pool.map(ask, range(1000))) == {200}


def test_a_polite_end_under_load_loses_no_request(start_api, publisher, tmp_path):
    """Whatever the API has answered has arrived; idle connections may be closed at any time."""
    publisher.publish(tmp_path)
    with start_api() as api:
        eventually(api.version)
        answered = set()

        def ask(client_number):
            with httpx.Client(base_url=api.url, timeout=30) as client:
                for number in itertools.count():
                    request_id = f"load-{client_number}-{number}"
                    headers = {"X-Request-ID": request_id}
                    try:
                        answer = client.post(
                            "/predict", json={"text": "good " * 200}, headers=headers
                        )
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 200
                    answered.add(request_id)

        threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(answered) > 200)
        assert api.process.terminate() in {0, -15}
        for thread in threads:
            thread.join()
        logged = {line["request_id"] for line in api.log() if "request_id" in line}
        assert {name for name in logged if name.startswith("load-")} == answered


def test_workers_agree_and_count_together(start_api, publisher, tmp_path):
    first = publisher.publish(tmp_path)
    with start_api(WORKERS="3") as api:
        eventually(lambda: versions_of(api) == {first})
        for _ in range(50):
            with httpx.Client() as client:
                client.post(f"{api.url}/predict", json={"text": "bad"}).raise_for_status()
        assert api.metric('sentiment_predictions_total{sentiment="negative"') == 50
        second = publisher.publish(tmp_path, weight=2.0)
        eventually(lambda: versions_of(api) == {second})
        # Feedback finds a prediction whichever worker made it.
        for _ in range(10):
            with httpx.Client(base_url=api.url) as client:
                request_id = client.post("/predict", json={"text": "x"}).headers["x-request-id"]
            body = {"request_id": request_id, "sentiment": "positive"}
            with httpx.Client(base_url=api.url) as client:
                client.post("/feedback", json=body).raise_for_status()
        assert api.metric("sentiment_feedback_total") == 10


def test_the_gauges_of_a_killed_worker_end_with_it(start_api, publisher, tmp_path):
    first = publisher.publish(tmp_path)
    name = "sentiment_model_info{"
    with start_api(WORKERS="2") as api:
        eventually(lambda: api.metric(f'{name}alias="champion"') == 1)
        workers = api_workers(api.process.popen.pid)
        assert len(workers) == 2
        workers[0].kill()
        second = publisher.publish(tmp_path, weight=2.0)
        eventually(lambda: versions_of(api) == {second})

        def shown():
            lines = api.client.get("/metrics").text.splitlines()
            return [line for line in lines if line.startswith(name) and line.endswith(" 1.0")]

        eventually(lambda: len(shown()) == 1)
        assert f'version="{second}"' in shown()[0]
        assert f'version="{first}"' not in shown()[0]


def versions_of(api, times=20):
    """Ask over new connections, so that all workers answer."""
    versions = set()
    for _ in range(times):
        with contextlib.suppress(httpx.TransportError), httpx.Client() as client:
            answer = client.post(f"{api.url}/predict", json={"text": "good"})
            versions.add(answer.json().get("model_version"))
    return versions


def test_admin_and_logs_of_a_real_process(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api(ADMIN_TOKEN="secret") as api:
        eventually(api.version)
        assert api.client.post("/admin/reload").status_code == 401
        headers = {"Authorization": "Bearer wrong"}
        assert api.client.post("/admin/reload", headers=headers).status_code == 403
        headers = {"Authorization": "Bearer secret"}
        assert api.client.post("/admin/reload", headers=headers).is_success
        api.predict("a very private review", **{"X-Request-ID": "find-me"})
        (line,) = eventually(
            lambda: [line for line in api.log() if line.get("request_id") == "find-me"]
        )
        assert line["message"] == "POST /predict 200"
        assert "private" not in api.process.log.read_text()
        assert "secret" not in api.process.log.read_text()


def test_mlflows_own_webhook_makes_a_promotion_arrive_at_once(start_api, publisher, tmp_path):
    """The polling is off, so nothing but the webhook can have told the API."""
    publisher.publish(tmp_path)
    settings = {"WEBHOOK_SECRET": "shared"}  # pragma: allowlist secret
    with start_api(MODEL_RELOAD_INTERVAL="0", **settings) as api:
        first = eventually(api.version)
        client = mlflow.MlflowClient(publisher.url)
        webhook = client.create_webhook(
            name=f"to-{publisher.name}", url=f"{api.url}/webhooks/mlflow",
            events=["model_version_alias.created"], secret="shared",  # pragma: allowlist secret
        )  # fmt: skip
        try:
            second = publisher.publish(tmp_path, weight=2.0)
            assert second != first
            eventually(lambda: api.version() == second)
        finally:
            client.delete_webhook(webhook.webhook_id)


def test_the_challenger_is_followed_too(start_api, publisher, tmp_path):
    champion = publisher.publish(tmp_path)
    challenger = publisher.publish(tmp_path, weight=-4.0, alias=CHALLENGER)
    with start_api(CHALLENGER_MODE="split", CHALLENGER_PERCENT="50") as api:
        eventually(api.version)
        eventually(lambda: api.client.get("/model-info").json()["challenger_version"])
        versions = {api.version() for _ in range(60)}
        assert versions == {champion, challenger}


def test_a_registry_without_a_server_is_followed_too(start_api, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    publisher = Publisher(uri, "embedded")
    mlflow.create_experiment("tests", artifact_location=(tmp_path / "artifacts").as_uri())
    version = publisher.publish(tmp_path)
    with start_api(MLFLOW_TRACKING_URI=uri, MODEL_NAME="embedded") as api:
        eventually(lambda: api.version() == version)


def test_wrong_settings_and_help_are_plain(start_api):
    result = subprocess.run(
        [str(BIN / "sentiment-serve")], env=os.environ | {"PORT": "many"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("Error: invalid settings: PORT: ")
    result = subprocess.run(
        [str(BIN / "sentiment-serve"), "--help"], capture_output=True, text=True, check=True
    )
    assert "MODEL_RELOAD_INTERVAL" in result.stdout
