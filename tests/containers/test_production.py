"""Production as an operator starts it, tried from outside and from each container.

Where images cannot be pulled, local stand-ins under the upstream names may take the place of
PostgreSQL, MinIO, nginx and the Python base. One for MinIO has no administration, so that SeaweedFS
runs in its place: MinIO's console, and its users, are tried only with the real image.
"""

import json
import re
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import expect

from sentiment_cli.deployment.catalogue import catalogue
from tests.browser import chromium_page
from tests.containers.compose import Compose
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

HOST = "ml.example.test"
GIVEN = {
    "POSTGRES_USER": "operator",
    "POSTGRES_PASSWORD": "p@ss/w:rd%",  # pragma: allowlist secret
    "MINIO_ROOT_USER": "storekeeper",
    "MINIO_ROOT_PASSWORD": "st0re/secret",  # pragma: allowlist secret
}
MINIO = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
SEAWEEDFS = "chrislusf/seaweedfs:4.48"
API_IMAGE = "ghcr.io/sentiment-mlops/sentiment-serve:latest"
EXPECTED = {
    "postgres", "mlflow", "prefect-server", "training", "fastapi", "nginx", "init-secrets",
    "init-databases", "init-storage", "init-registry",
}  # fmt: skip
PORTS = {
    "postgres": [5432], "minio": [9000, 9333, 8888, 8080], "mlflow": [5000],
    "prefect-server": [4200], "fastapi": [8000],
}  # fmt: skip


def docker(*arguments, check=True):
    result = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    if check:
        assert result.returncode == 0, result.stderr
    return result.stdout


def table(heading):
    """The rows of the first table below a heading of the page on security."""
    section = (ROOT / "docs/security.md").read_text().split(f"## {heading}\n")[1]
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def store(images):
    """The service that is the store, and what makes it run in place of MinIO."""
    # By its exit code: what a container prints can be lost when it ends at once.
    command = ["docker", "run", "--rm", "--entrypoint", "sh", MINIO, "-c", "command -v weed"]
    found = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert found.returncode in {0, 1, 127}, found.stderr
    if found.returncode:
        return "minio", (), ()
    if not docker("images", "-q", SEAWEEDFS):
        docker("tag", MINIO, SEAWEEDFS)
    return "seaweedfs", ("--profile", "seaweedfs"), ("--scale", "minio=0")


@pytest.fixture(scope="module")
def certificate():
    """A self-signed certificate where an operator would put one."""
    folder = ROOT / "services/nginx/ssl"
    if any(folder.glob("*.pem")):
        pytest.skip(f"{folder} holds somebody's certificate already")
    files = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost",
         "-keyout", str(files[0]), "-out", str(files[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    yield files[1]
    for file in files:
        file.unlink()


@pytest.fixture(scope="module")
def production(images, store, certificate, tmp_path_factory):
    """The whole of it behind nginx, with a champion; one secret comes from a file of mode 0600."""
    token = tmp_path_factory.mktemp("given") / "token"
    token.write_text("chosen-by-the-operator\n")
    token.chmod(0o600)
    _service, profile, scale = store
    compose = Compose(
        "docker-compose.prod.yml", "--profile", "with-nginx", *profile,
        project="sentiment-test-prod", **GIVEN, ADMIN_TOKEN_FILE=str(token),
        PUBLIC_URL=f"https://{HOST}:18443",
        HTTP_PORT="18080", HTTPS_PORT="18443", API_PORT="18000", MODEL_RELOAD_INTERVAL="1",
        API_WORKERS="2",
    )  # fmt: skip
    try:
        compose.up("--no-build", *scale)
        compose.cli("train", "--champion", "--samples", "600")
        yield compose
    finally:
        compose.down()


@pytest.fixture(scope="module")
def secrets(production):
    """What the documented command shows."""
    return json.loads(production.run("run", "--rm", "-T", "init-secrets", "show", "--json").stdout)


@pytest.fixture
def client(certificate):
    """Somebody on the network, without a login."""
    trust = ssl.create_default_context(cafile=str(certificate))
    # The name leads to this machine, as it would by DNS.
    transport = httpx.HTTPTransport(verify=trust)
    with httpx.Client(base_url="https://localhost:18443", transport=transport,
                      headers={"Host": f"{HOST}:18443"}) as client:  # fmt: skip
        yield client


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_starts_without_the_four_values(docker_engine, name):
    compose = Compose("docker-compose.prod.yml", project="x", **GIVEN | {name: ""})
    result = compose.run("config", check=False)
    assert result.returncode != 0
    assert f"Set {name}" in result.stderr


def test_all_of_it_runs_and_only_two_parts_are_published(production, store):
    production.assert_all_run(EXPECTED | {store[0]})
    addresses = production.published()
    assert {name for name, _port in addresses} == {"nginx", "fastapi"}
    assert addresses["fastapi", 18000] == "127.0.0.1"
    answer = httpx.get("http://localhost:18080/api/health")
    assert (answer.status_code, answer.headers["location"]) == (
        308, f"https://{HOST}:18443/api/health",
    )  # fmt: skip


def test_predictions_and_the_admin_token(production, client, secrets):
    def answers():
        answer = client.post("/api/predict", json={"text": "A wonderful film"})
        return answer.is_success and answer.json()

    assert eventually(answers)["model_version"] == "1"
    assert client.post("/api/admin/reload").status_code == 401
    assert secrets["ADMIN_TOKEN"] == "chosen-by-the-operator"
    headers = {"Authorization": f"Bearer {secrets['ADMIN_TOKEN']}"}
    assert client.post("/api/admin/reload", headers=headers).status_code == 200
    checks = json.loads(production.cli("doctor", "--json"))
    assert {check["name"]: check["status"] for check in checks if check["status"] == "failed"} == {}


def test_pages_ask_for_a_login(production, client, secrets):
    login = ("operator", secrets["OPERATOR_PASSWORD"])
    for path in ("/mlflow/", "/prefect/", "/minio/", "/prefect/api/health", "/prefect/ui-settings",
                 "/mlflow/api/2.0/mlflow/registered-models/search"):  # fmt: skip
        for wrong in (None, ("operator", "guess"), ("admin", secrets["MLFLOW_ADMIN_PASSWORD"])):
            assert_problem(client.get(path, auth=wrong), 401, "login-missing")
    for prefix in ("/mlflow", "/prefect"):
        assert client.get(f"{prefix}/", auth=login, follow_redirects=False).status_code < 400
        foreign = client.post(
            f"{prefix}/api/x", auth=login, headers={"Origin": "https://evil.test"}
        )
        assert_problem(foreign, 403, "foreign-origin")
    assert client.get("/prefect/api/admin/version", auth=login).is_success
    assert_problem(client.get("/api/livez", headers={"Host": "evil.test"}), 421, "unknown-host")
    assert_problem(client.get("/nothing"), 404, "not-found")
    assert_problem(client.get("/api/metrics"), 404, "not-found")
    assert_problem(client.post("/api/predict", content=b"x" * 2_000_000), 413, "too-large")
    # At once: one after the other they may be too slow for the limit on a busy machine.
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get("/api/livez"), range(1000)))
    assert {answer.status_code for answer in answers} == {200, 429}
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert_problem(limited, 429, "too-many-requests")
    assert limited.headers["retry-after"] == "1"


def assert_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert "strict-transport-security" in answer.headers


def test_only_what_the_table_names_connects(production, store):
    """From the network of each container, to every port of every other one, by name and address."""
    allowed = {
        (source, *target.split(":")) for source, targets in table("Between the containers")
        for target in targets.split(", ")
    }  # fmt: skip
    names = {store[0]: "minio"}
    containers = {
        names.get(name, name): state["ID"] for name, state in production.services().items()
        if state["State"] == "running"
    }  # fmt: skip
    addresses = {
        name: [network["IPAddress"] for network in
               json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container))
               .values()]
        for name, container in containers.items()
    }  # fmt: skip
    targets = [
        (name, host, port) for name, ports in PORTS.items() for port in ports
        for host in (name, *addresses[name])
    ]  # fmt: skip
    found = set()
    for source, container in containers.items():
        others = [target for target in targets if target[0] != source]
        output = docker("run", "--rm", "--network", f"container:{container}", API_IMAGE, "python",
                        "-c", PROBE, json.dumps(others))  # fmt: skip
        found |= {(source, name, str(port)) for name, _host, port in json.loads(output)}
    assert found == allowed


PROBE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def connects(target):
    try:
        socket.create_connection((target[1], target[2]), timeout=3).close()
    except OSError:
        return False
    return True

targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(64) as pool:
    print(json.dumps([target for target, yes in zip(targets, pool.map(connects, targets)) if yes]))
"""


def python(production, service, code):
    return production.run("exec", "-T", service, "python", "-c", code).stdout


def test_what_was_deleted_in_mlflow_goes_for_good(production):
    delete_a_run = """
from sentiment_train.running.environment import configure_runtime
configure_runtime()
import mlflow
mlflow.set_experiment('short-lived')
with mlflow.start_run() as run:
    mlflow.log_text('x', 'x.txt')
mlflow.delete_run(run.info.run_id)
print(run.info.run_id)
"""
    run_id = python(production, "training", delete_a_run).split()[-1]
    files = f"""
import boto3, os
client = boto3.client('s3', endpoint_url=os.environ['MLFLOW_S3_ENDPOINT_URL'],
                      aws_access_key_id=os.environ['AWS_ACCESS_KEY_ID'],
                      aws_secret_access_key=open(os.environ['AWS_SECRET_ACCESS_KEY_FILE']).read())
found = client.list_objects_v2(Bucket='mlflow-artifacts').get('Contents', [])
print(len([item for item in found if {run_id!r} in item['Key']]))
"""
    assert python(production, "mlflow", files).split() == ["1"]
    purge = ("exec", "-T", "-e", "RETENTION_DAYS=0", "mlflow", "purge")
    assert run_id in production.run(*purge).stdout
    assert python(production, "mlflow", files).split() == ["0"]
    assert run_id not in production.run(*purge).stdout


def test_each_server_has_its_own_rights(production, client):
    database = """
import os, psycopg2
password = open('/run/secrets/mlflow_db_password').read()
with psycopg2.connect(host='postgres', user='mlflow', password=password, dbname='mlflow') as known:
    cursor = known.cursor()
    cursor.execute('SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = user')
    print(cursor.fetchone())
for other in ('prefect', 'postgres'):
    try:
        psycopg2.connect(host='postgres', user='mlflow', password=password, dbname=other)
    except psycopg2.OperationalError as error:
        print('permission denied' in str(error))
"""
    assert python(production, "mlflow", database).split("\n")[:3] == [
        "(False, False, False)",
        "True",
        "True",
    ]

    buckets = """
import boto3, os
from botocore.exceptions import ClientError
secret = open(os.environ['AWS_SECRET_ACCESS_KEY_FILE']).read()
client = boto3.client('s3', endpoint_url=os.environ['MLFLOW_S3_ENDPOINT_URL'],
                      aws_access_key_id=os.environ['AWS_ACCESS_KEY_ID'],
                      aws_secret_access_key=secret)
for bucket in ('mlflow-artifacts', 'models', 'data'):
    try:
        client.list_objects_v2(Bucket=bucket)
        client.put_object(Bucket=bucket, Key='tried', Body=b'x')
        print(bucket)
    except ClientError as error:
        assert error.response['ResponseMetadata']['HTTPStatusCode'] == 403
"""
    assert python(production, "mlflow", buckets).split() == ["mlflow-artifacts"]
    assert python(production, "training", buckets).split() == ["models", "data"]

    registry = """
import base64, json
from urllib.error import HTTPError
from urllib.request import Request, urlopen
password = open('/run/secrets/mlflow_api_password').read()
login = 'Basic ' + base64.b64encode(f'api:{password}'.encode()).decode()
alias = {'name': 'sentiment-classifier', 'alias': 'champion', 'version': '1'}
for headers in ({'Authorization': login}, {}):
    for method, path, body in (
        ('GET', 'registered-models/alias?name=sentiment-classifier&alias=champion', None),
        ('POST', 'registered-models/alias', alias),
        ('DELETE', 'registered-models/alias', alias),
        ('DELETE', 'model-versions/delete', alias),
    ):
        request = Request('http://mlflow:5000/mlflow/api/2.0/mlflow/' + path, method=method,
                          data=json.dumps(body).encode() if body else None,
                          headers={'Content-Type': 'application/json', **headers})
        try:
            print(urlopen(request).status)
        except HTTPError as error:
            print(error.code)
"""
    statuses = python(production, "fastapi", registry).split()
    assert statuses == ["200", "403", "403", "403", "401", "401", "401", "401"]


def test_no_secret_is_in_an_environment_or_a_command_line(production, secrets):
    assert set(secrets) == {secret.name for secret in catalogue()}
    hidden = [value for name, value in secrets.items() if name != "MINIO_ROOT_USER"]
    for name, state in production.services().items():
        container = json.loads(docker("inspect", state["ID"]))[0]
        given = container["Config"]["Env"] if name != "init-secrets" else []
        shown = json.dumps([given, container["Path"], container["Args"]])
        if state["State"] == "running":
            shown += docker("top", state["ID"], "-eo", "pid,args")
        logs = docker("logs", state["ID"])
        leaked = [value for value in hidden if value in shown or value in logs]
        assert leaked == [], name


def test_the_page_names_who_reads_each_secret(docker_engine):
    assert table("Secrets") == [
        [secret.name, ", ".join(secret.services)] for secret in catalogue()
    ]  # fmt: skip


def test_a_deployment_chooses_no_command(production, client, secrets):
    """Also not with the operator's login, who may make deployments."""
    login = ("operator", secrets["OPERATOR_PASSWORD"])
    api = "/prefect/api"
    known = client.get(f"{api}/deployments/name/sentiment-training/default", auth=login).json()
    content = {
        "name": "intruder", "flow_id": known["flow_id"], "entrypoint": known["entrypoint"],
        "work_pool_name": "training", "path": known["path"], "pull_steps": [],
        "parameters": {"promote": False, "samples": 300},
        "job_variables": {"command": "touch /workspace/data/intruded",
                          "env": {"PATH": "/nowhere"}},
    }  # fmt: skip
    made = client.post(f"{api}/deployments/", json=content, auth=login)
    assert made.is_success, made.text
    url = f"{api}/deployments/{made.json()['id']}/create_flow_run"
    run = client.post(url, json={"state": {"type": "SCHEDULED"}}, auth=login).json()

    def ended():
        state = client.get(f"{api}/flow_runs/{run['id']}", auth=login).json()["state"]
        return state["type"] in {"COMPLETED", "FAILED", "CRASHED"} and state

    eventually(ended, seconds=180)
    files = production.run("exec", "-T", "training", "ls", "/workspace/data").stdout
    assert "intruded" not in files


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "Is this review positive?"),
        ("/api/docs", "/predict"),
        ("/mlflow/", "Welcome to MLflow"),
        ("/mlflow/#/models/sentiment-classifier", "sentiment-classifier"),
        ("/prefect/", "Flow Runs"),
        ("/prefect/runs", "sentiment-training"),
        ("/prefect/deployments", "sentiment-training"),
        ("/prefect/events", "Event Feed"),
    ],
)
def test_all_pages_load_under_the_public_name(production, secrets, path, text):
    """Behind nginx with TLS, in Chromium, without a request or a script that fails."""
    wrong = []
    with chromium_page(
        host=HOST, login={"username": "operator", "password": secrets["OPERATOR_PASSWORD"]}
    ) as page:
        page.on("requestfailed", lambda request: wrong.append((request.failure, request.url)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.on(
            "response",
            lambda answer: wrong.append((answer.status, answer.url))
            if answer.status >= 400 else None,
        )  # fmt: skip
        page.goto(f"https://{HOST}:18443{path}")
        # Both go on asking their servers, so that the network is never idle.
        expect(page.locator("body")).to_contain_text(text, timeout=30_000)
        page.wait_for_timeout(3_000)
    assert wrong == []


def test_secrets_stay_when_it_starts_again(production, store, secrets):
    production.run("up", "-d", "--wait", "--no-build", *store[2])
    shown = production.run("run", "--rm", "-T", "init-secrets", "show", "--json").stdout
    assert json.loads(shown) == secrets


def test_both_files_describe_the_same_services(docker_engine):
    def services(file, **environment):
        compose = Compose(file, "--profile", "*", project="x", **environment)
        return json.loads(compose.run("config", "--format", "json").stdout)["services"]

    development = services("docker-compose.yml")
    production = services("docker-compose.prod.yml", **GIVEN)
    assert set(production) == set(development) | {"nginx", "init-secrets", "init-registry"}
    readers = {
        (service, secret.name.lower()) for secret in catalogue() for service in secret.services
    }
    used = set()
    for name, service in production.items():
        files = re.findall(r"/run/secrets/(\w+)", json.dumps(service))
        if name != "init-secrets":
            used |= {(name, file) for file in files}
        if name == "backup" or name.startswith("init-"):
            continue  # they run once
        assert service["restart"] == "always"
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert service["logging"]["options"]["max-size"]
        assert name == "nginx" or service["image"] == development[name]["image"]
    # Two read theirs in the program that starts them.
    entrance = (ROOT / "services/nginx/entrance.sh").read_text()
    used |= {("nginx", name) for name in re.findall(r"\$secrets/(\w+)", entrance)}
    start = (ROOT / "services/postgres/start").read_text()
    used |= {("postgres", name) for name in re.findall(r"/run/secrets/(\w+)", start)}
    assert used == readers
    assert production["fastapi"]["environment"]["MODEL_RELOAD_INTERVAL"] == "300"
    assert (ROOT / "services/nginx/ssl").is_dir()
