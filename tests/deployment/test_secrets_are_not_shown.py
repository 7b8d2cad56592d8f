"""No command and no endpoint shows a secret that it was given, whatever goes wrong."""

import os
import subprocess
import sys
from contextlib import ExitStack

import httpx
import pytest

from sentiment_cli.backup.settings import DatabaseSettings
from sentiment_cli.deployment.catalogue import DeploymentSecrets
from sentiment_core.environment import FILE_SUFFIX
from sentiment_core.redaction import MASK
from sentiment_core.store_settings import StoreSettings
from sentiment_serve.api_keys import new_key
from sentiment_serve.settings import ServeSettings
from sentiment_train.settings import TrainSettings
from tests.support import BIN, ROOT, Process, eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEAD = "127.0.0.1:9"
USER = "me:hush-in-address"


def secrets_of(*classes):
    """A value that nothing else contains, for each variable that is secret."""
    fields = (item for cls in classes for item in cls.model_fields.items())
    names = [name.upper() for name, field in fields if "SecretStr" in str(field.annotation)]
    assert names
    return {name: f'hush-{name.lower()}-"ü%' for name in dict.fromkeys(names)}


def find(secrets, text):
    return [name for name in secrets if f"hush-{name.lower()}" in text]


@pytest.fixture
def environment(tmp_path):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"SENTIMENT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


def test_no_command_shows_a_secret(environment, tmp_path):
    secrets = secrets_of(TrainSettings, StoreSettings, DatabaseSettings, DeploymentSecrets)
    environment |= secrets | {
        "MLFLOW_TRACKING_URI": f"http://{USER}@{DEAD}",
        "PREFECT_API_URL": f"http://{USER}@{DEAD}/api",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{DEAD}", "AWS_ACCESS_KEY_ID": "a-name",
        "MODEL_EXPORT_URI": "s3://models", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "TRAIN_RETRY_DELAY_SECONDS": "[]", "AWS_MAX_ATTEMPTS": "1",
        "SENTIMENT_DEBUG": "1",
    }  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.all_commands"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    output = result.stdout + result.stderr
    assert result.stdout.count(">>> ") > 20
    assert f"{MASK}@{DEAD}" in output
    assert "hush-in-address" not in output
    assert not find(secrets, output)


def test_no_answer_and_no_log_of_the_api_shows_a_secret(environment, tmp_path):
    secrets = secrets_of(ServeSettings, StoreSettings)
    keys = tmp_path / "keys"
    key, line = new_key("reader", ["predict"])
    keys.write_text(line + "\n")
    port = free_port()
    token = tmp_path / "token"
    token.write_text(secrets.pop("ADMIN_TOKEN"))
    environment |= secrets | {
        "PORT": str(port), "API_KEYS_FILE": str(keys), "WORKERS": "2",
        "ADMIN_TOKEN" + FILE_SUFFIX: str(token),
        "MLFLOW_TRACKING_URI": f"http://{USER}@{DEAD}",
    }  # fmt: skip
    with ExitStack() as context:
        process = Process(
            [str(BIN / "sentiment-serve")], f"http://127.0.0.1:{port}", tmp_path / "log",
            environment, "/livez", cwd=tmp_path,
        )  # fmt: skip
        process.start()
        context.callback(process.kill)
        client = context.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        )
        # What is degraded is told, with the address, once a worker has asked the registry.
        eventually(lambda: DEAD in client.get("/readyz").text, 60)
        paths = client.get("/openapi.json").json()["paths"]
        answers = [
            client.request(method, path, content=body, headers=headers)
            for path, methods in paths.items()
            for method in methods
            for body in (b"{}", b'{"text": "fine"}', b"not JSON")
            for headers in ({}, {"Authorization": f"Bearer {key}"}, {"Authorization": "Bearer x"})
        ]
        assert len(answers) > 50
        shown = "".join(f"{answer.headers}{answer.text}" for answer in answers)
    log = (tmp_path / "log").read_text()
    assert DEAD in shown
    for text in (shown, log):
        assert "hush-in-address" not in text
        assert key not in text
        assert not find(secrets | {"ADMIN_TOKEN": ""}, text)


def test_every_secret_of_the_settings_is_one():
    named = [
        name
        for cls in (TrainSettings, StoreSettings, DatabaseSettings, ServeSettings)
        for name, field in cls.model_fields.items()
        if name.endswith(("password", "secret", "token", "secret_access_key", "auth_string"))
        and "SecretStr" not in str(field.annotation)
    ]
    assert not named
