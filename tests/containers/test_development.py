"""The user's steps, on the compose file for development as it is.

Where images cannot be pulled, local stand-ins under the upstream names may take the place of
PostgreSQL, MinIO, nginx and the Python base.
"""

import json
import os
import shutil
import subprocess

import httpx
import pytest

from tests.containers.compose import Compose
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

EXPECTED = {
    "postgres", "minio", "mlflow", "prefect-server", "training", "fastapi", "init-databases",
    "init-storage",
}  # fmt: skip


def predict(base_url, **options):
    answer = httpx.post(f"{base_url}/predict", json={"text": "A wonderful film"}, **options)
    return answer.json() if answer.is_success else None


def test_the_development_stack(images, tmp_path):
    compose = Compose("docker-compose.yml", project="sentiment-test-dev", MODEL_RELOAD_INTERVAL="1")
    try:
        compose.up()
        compose.assert_all_run(EXPECTED)
        assert set(compose.published().values()) == {"127.0.0.1"}
        assert httpx.get("http://localhost:8000/health").status_code == 503

        text = compose.cli("train", "--champion")
        assert "Status: Set as champion (there was no champion)" in text
        answer = eventually(lambda: predict("http://localhost:8000"))
        assert (answer["sentiment"], answer["model_version"]) == ("positive", "1")

        # A second promotion is picked up without a restart, and so is the way back.
        compose.cli("train", "--samples", "1000")
        compose.cli(
            "set-alias", "--model-name", "sentiment-classifier", "--version", "2",
            "--alias", "champion",
        )  # fmt: skip
        eventually(lambda: predict("http://localhost:8000")["model_version"] == "2")
        compose.cli("rollback")
        eventually(lambda: predict("http://localhost:8000")["model_version"] == "1")

        versions = json.loads(compose.cli("list-versions", "--json"))
        assert {info["version"]: info["aliases"] for info in versions} == {
            "1": ["champion"], "2": [],
        }  # fmt: skip
        assert "Status: " in compose.cli("train", "--remote", "--champion", "--samples", "500")
        checks = json.loads(compose.cli("doctor", "--json"))
        assert {check["status"] for check in checks} == {"ok"}
        share_data(compose, tmp_path)
        for url in ("http://localhost:5001/", "http://localhost:4200/", "http://localhost:8000/"):
            answer = httpx.get(url, follow_redirects=True)
            assert answer.status_code == 200
            assert "<html" in answer.text
        assert httpx.get("http://localhost:9000/minio/health/live").status_code == 200
    finally:
        compose.down()
    volumes = subprocess.run(["docker", "volume", "ls", "-q"], capture_output=True, text=True,
                             check=True).stdout  # fmt: skip
    assert "sentiment-test-dev" not in volumes


def share_data(compose, tmp_path):
    """Push and pull the data with DVC, from a container that works in the user's checkout."""
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)

    def dvc(*arguments):
        compose.run(
            "run", "--rm", "-T", "--user", f"{os.getuid()}",
            "-v", f"{checkout}:/project", "-w", "/project",
            "-e", "HOME=/tmp", "-e", "SENTIMENT_HOME=/tmp/home", "training", "dvc", *arguments,
        )  # fmt: skip

    dvc("repro", "prepare_data")
    content = (checkout / "data/imdb_sample.csv").read_bytes()
    dvc("push", "-r", "minio-docker", "data/imdb_sample.csv")
    shutil.rmtree(checkout / "data")
    shutil.rmtree(checkout / ".dvc/cache")
    dvc("pull", "-r", "minio-docker", "data/imdb_sample.csv")
    assert (checkout / "data/imdb_sample.csv").read_bytes() == content
