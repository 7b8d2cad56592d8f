"""The user's steps, on the compose files as they are.

Where images cannot be pulled, local stand-ins under the upstream names may take the place of
PostgreSQL, MinIO, nginx and the Python base. What only a real image can show is not asserted here:
MinIO's console behind /minio/ (the location is), and the arm64 variants.
"""

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.containers.compose import Compose
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

EXPECTED = {"postgres", "minio", "mlflow", "prefect-server", "training", "fastapi", "init-storage"}
SECRETS = {
    "POSTGRES_USER": "operator",
    "POSTGRES_PASSWORD": "p@ss/w:rd%",  # pragma: allowlist secret
    "MINIO_ROOT_USER": "storekeeper",
    "MINIO_ROOT_PASSWORD": "st0re/secret",  # pragma: allowlist secret
    "ADMIN_TOKEN": "admin-token",
}


def assert_all_run(compose, expected):
    services = compose.services()
    assert set(services) == expected
    for name, state in services.items():
        if name == "init-storage":
            assert (state["State"], state["ExitCode"]) == ("exited", 0)
        else:
            assert (state["State"], state["Health"] or "healthy") == ("running", "healthy"), name


def predict(base_url, **options):
    answer = httpx.post(f"{base_url}/predict", json={"text": "A wonderful film"}, **options)
    return answer.json() if answer.is_success else None


def test_the_development_stack(images, tmp_path):
    compose = Compose("docker-compose.yml", project="sentiment-test-dev", MODEL_RELOAD_INTERVAL="1")
    try:
        compose.up()
        assert_all_run(compose, EXPECTED)
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


@pytest.mark.parametrize("name", SECRETS)
def test_production_does_not_start_without_a_secret(docker, name):
    given = {**SECRETS, name: ""}
    compose = Compose("docker-compose.prod.yml", project="sentiment-test-prod", **given)
    result = compose.run("config", check=False)
    assert result.returncode != 0
    assert f"Set {name}" in result.stderr


@pytest.fixture
def certificate():
    """A self-signed certificate where an operator would put one."""
    folder = ROOT / "services/nginx/ssl"
    if any(folder.glob("*.pem")):
        pytest.skip(f"{folder} holds somebody's certificate already")
    files = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(files[0]), "-out", str(files[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    yield files[1]
    for file in files:
        file.unlink()


def test_the_production_stack_behind_nginx_with_tls(images, certificate, tmp_path):
    settings = {
        **SECRETS, **token_in_a_file(tmp_path), "HTTP_PORT": "18080", "HTTPS_PORT": "18443",
        "MODEL_RELOAD_INTERVAL": "1", "API_WORKERS": "2",
        "MLFLOW_ALLOWED_HOSTS": "mlflow:5000,localhost:*,127.0.0.1:*",
    }  # fmt: skip
    compose = Compose(
        "docker-compose.prod.yml", "--profile", "with-nginx", project="sentiment-test-prod",
        **settings,
    )  # fmt: skip
    trust = ssl.create_default_context(cafile=str(certificate))
    try:
        compose.up("--no-build")
        assert_all_run(compose, EXPECTED | {"nginx"})
        compose.cli("train", "--champion", "--samples", "600")
        with httpx.Client(base_url="https://localhost:18443", verify=trust) as client:
            walk_through_nginx(client)
        answer = httpx.get("http://localhost:18080/api/health")
        assert answer.status_code == 308
        assert answer.headers["location"] == "https://localhost:18443/api/health"
        assert_nothing_else_is_published(compose)
    finally:
        compose.down()


def token_in_a_file(tmp_path):
    """The admin token as a file; as a variable where Compose is too old for the choice (2.26)."""
    path = tmp_path / "token"
    path.write_text(f"{SECRETS['ADMIN_TOKEN']}\n")
    path.chmod(0o644)
    in_a_file = {"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": str(path)}
    compose = Compose("docker-compose.prod.yml", project="x", **SECRETS | in_a_file)
    return {} if compose.run("config", check=False).returncode else in_a_file


def walk_through_nginx(client):
    def answers():
        answer = client.post("/api/predict", json={"text": "A wonderful film"})
        return answer.is_success and answer.json()

    assert eventually(answers)["model_version"] == "1"
    assert "<html" in client.get("/api/").text
    assert client.get("/", follow_redirects=True).url.path == "/api/"

    assert client.post("/api/admin/reload").status_code == 401
    headers = {"Authorization": f"Bearer {SECRETS['ADMIN_TOKEN']}"}
    assert client.post("/api/admin/reload", headers=headers).status_code == 200
    assert client.post("/api/predict", content=b"x" * 2_000_000).status_code == 413

    for prefix in ("/mlflow/", "/prefect/"):
        page = client.get(prefix, follow_redirects=True)
        assert page.status_code == 200
        assert "<html" in page.text
        script = next(part.split('"')[0] for part in page.text.split('src="')[1:])
        asset = client.get(str(page.url.join(script)))
        assert asset.status_code == 200, script
        assert "javascript" in asset.headers["content-type"]
    assert client.get("/prefect/api/health").json() is True
    models = client.get("/mlflow/api/2.0/mlflow/registered-models/search?max_results=5").json()
    assert models["registered_models"][0]["name"] == "sentiment-classifier"
    assert client.get("/minio/").status_code == 200

    statuses = {client.get("/api/livez").status_code for _ in range(400)}
    assert statuses == {200, 429}


def assert_nothing_else_is_published(compose):
    published = {
        name: {port["URL"] for port in state["Publishers"] or () if port["PublishedPort"]}
        for name, state in compose.services().items()
    }
    for name in ("postgres", "minio", "training"):
        assert published[name] == set(), name
    for name in ("mlflow", "prefect-server"):
        assert published[name] == {"127.0.0.1"}, name


def test_both_files_describe_the_same_services(docker):
    def services(file, **environment):
        compose = Compose(file, "--profile", "*", project="x", **environment)
        return json.loads(compose.run("config", "--format", "json").stdout)["services"]

    development = services("docker-compose.yml")
    production = services("docker-compose.prod.yml", **SECRETS)
    assert set(production) == set(development) | {"nginx"}
    for name, service in production.items():
        if name in {"init-storage", "backup"}:
            continue  # they run once
        assert service["restart"] == "always"
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert service["logging"]["options"]["max-size"]
        assert name == "nginx" or service["image"] == development[name]["image"]
    assert production["fastapi"]["environment"]["MODEL_RELOAD_INTERVAL"] == "300"
    assert Path(ROOT, "services/nginx/ssl").is_dir()
