"""The parts of the local stack as processes that tests may kill one by one."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx
import mlflow
import pytest

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import (
    client_environment,
    server_environment,
    write_store_config,
)
from sentiment_cli.stack.health import check_part
from sentiment_cli.stack.supervisor import find_store, procfile
from sentiment_train.registry.versions import Registry
from sentiment_train.results import LoggedModel
from tests.support import BIN, ROOT, Process, eventually, free_port

RETRY_DELAYS = "[0.5, 0.5, 1, 1]"
PARTS_IN_ORDER = ("postgres", "s3", "mlflow", "prefect", "worker")


def make_settings(home):
    ports = {f"{part}_port": free_port() for part in ("api", "mlflow", "prefect", "s3", "postgres")}
    return StackSettings(_env_file=None, home=home, **ports)


def as_variables(settings):
    """The settings as the environment variables that choose them."""
    ports = {f"STACK_{name.upper()}_PORT": str(port) for name, port in settings.ports.items()}
    return {"STACK_HOME": str(settings.folder), **ports}


class Stack:
    """The running parts, and commands that use them."""

    def __init__(self, root):
        self.root = root
        self.settings = make_settings(root / "stack")
        self.client_environment = os.environ | client_environment(self.settings)
        self.client_environment["SENTIMENT_HOME"] = str(root / "home")
        # As often as in production, but sooner.
        self.client_environment |= {"TRAIN_RETRY_DELAY_SECONDS": RETRY_DELAYS}
        environment = server_environment(self.settings, find_store()) | {
            "PREFECT_WORKER_QUERY_SECONDS": "1", "TRAIN_RETRY_DELAY_SECONDS": RETRY_DELAYS,
        }  # fmt: skip
        write_store_config(self.settings)
        commands = procfile()
        self.parts = {
            part: Process(
                ["sh", "-c", commands[part]], "", root / f"{part}.log", environment, "", cwd=root
            )
            for part in PARTS_IN_ORDER
        }

    def start(self, *parts):
        for part in parts:
            self.parts[part].launch()
        for part in parts:
            eventually(lambda part=part: self._answers(part), 120)

    def _answers(self, part):
        assert self.parts[part].popen.poll() is None, self.parts[part].log.read_text()[-3000:]
        return check_part(self.settings, part) is None

    def kill(self, part):
        self.parts[part].kill()

    def close(self):
        for part in reversed(PARTS_IN_ORDER):
            if self.parts[part].popen:
                self.parts[part].kill()

    def popen(self, *arguments, **environment):
        """Start a command of the CLI."""
        return subprocess.Popen(
            [BIN / "sentiment-cli", *map(str, arguments)], cwd=self.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.client_environment | environment,
        )  # fmt: skip

    def cli(self, *arguments, exit_code=0, **environment):
        """Run a command of the CLI; returns its JSON, or its text with what it says on stderr."""
        process = self.popen(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=600)
        assert process.returncode == exit_code, stdout + stderr
        return json.loads(stdout) if "--json" in arguments and stdout else stdout + stderr

    def api(self, path):
        """Ask Prefect."""
        return httpx.get(self.client_environment["PREFECT_API_URL"] + path).json()

    def api_post(self, path, **body):
        return httpx.post(self.client_environment["PREFECT_API_URL"] + path, json=body).json()


@pytest.fixture(scope="session")
def stack():
    """All parts but the API, on free ports and with a project folder to work in."""
    # Not pytest's own folder: nobody, who runs PostgreSQL for root, has to get into it.
    root = Path(tempfile.mkdtemp(prefix="sentiment-stack-"))
    root.chmod(0o755)
    for name in ("params.yaml", "prefect.yaml"):
        shutil.copy(ROOT / name, root)
    stack = Stack(root)
    try:
        stack.start(*PARTS_IN_ORDER)
        stack.cli("prepare-data", "--samples", 600, "--output", "reviews.csv")
        yield stack
    finally:
        stack.close()
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def trained_model(stack):
    """One model in MLflow, for the tests that need just any."""
    result = stack.cli("train", "--data-path", "reviews.csv", "--json", MODEL_NAME="trained-once")
    client = mlflow.MlflowClient(stack.client_environment["MLFLOW_TRACKING_URI"])
    source = client.get_model_version("trained-once", result["model_version"]).source
    return LoggedModel(result["run_id"], source, result["model_digest"])


@pytest.fixture
def champion(stack, trained_model, model_name):
    """A first champion, so that there is something to lose."""
    mlflow.set_tracking_uri(stack.client_environment["MLFLOW_TRACKING_URI"])
    registry = Registry(model_name)
    registry.make_champion(registry.register(trained_model))
    yield registry.champion()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def model_name(request):
    """A registered model of this test alone."""
    return request.node.name.replace("[", "-").replace("]", "")
