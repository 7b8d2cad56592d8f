"""The parts of the local stack as processes that tests may kill one by one.

A ``conftest.py`` imports the fixtures.
"""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import mlflow
import psutil
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
from tests.support import BIN, ROOT, Process, eventually, free_port, running
from tests.support.projects import copy_choices
from tests.support.proxy import Proxy

RETRY_DELAYS = "[0.5, 0.5, 1, 1]"
PROXIED = ("postgres", "s3", "mlflow", "prefect")
PARTS_IN_ORDER = ("postgres", "s3", "mlflow", "prefect", "worker")


def make_settings(home):
    ports = {f"{part}_port": free_port() for part in ("api", "mlflow", "prefect", "s3", "postgres")}
    return StackSettings(_env_file=None, home=home, **ports)


def as_variables(settings):
    """The settings as the environment variables that choose them."""
    ports = {f"STACK_{name.upper()}_PORT": str(port) for name, port in settings.ports.items()}
    return {"STACK_HOME": str(settings.folder), **ports}


class Stack:
    """The running parts, and commands that use them.

    With `proxied`, whoever asks a part does it through a proxy that can break.
    """

    def __init__(self, root, *, proxied=False):
        self.root = root
        self.settings = make_settings(root / "stack")
        ports = {part: self.settings.ports[part] for part in PROXIED} if proxied else {}
        self.proxies = {part: Proxy(port) for part, port in ports.items()}
        self.client_environment = os.environ | self._behind_proxies(
            client_environment(self.settings)
        )
        self.client_environment["SENTIMENT_HOME"] = str(root / "home")
        # As often as in production, but sooner.
        self.client_environment |= {"TRAIN_RETRY_DELAY_SECONDS": RETRY_DELAYS}
        environment = self._behind_proxies(server_environment(self.settings, find_store())) | {
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

    def _behind_proxies(self, environment):
        for part, proxy in self.proxies.items():
            address, proxied = (
                f"127.0.0.1:{port}" for port in (self.settings.ports[part], proxy.port)
            )
            environment = {
                name: value.replace(address, proxied) for name, value in environment.items()
            }
        return environment

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

    def freeze(self, part):
        """Stop a part as a machine that hangs does; `thaw` lets it go on."""
        for process in self._processes(part):
            process.suspend()

    def thaw(self, part):
        for process in self._processes(part):
            process.resume()

    def _processes(self, part):
        parent = psutil.Process(self.parts[part].popen.pid)
        return [parent, *parent.children(recursive=True)]

    def revive(self):
        """Start again what has ended, as the supervisor does."""
        ended = [part for part in PARTS_IN_ORDER if self.parts[part].popen.poll() is not None]
        for part in ended:
            self.parts[part].launch()
        return ended

    def close(self):
        for part in reversed(PARTS_IN_ORDER):
            if self.parts[part].popen:
                self.parts[part].kill()
        for proxy in self.proxies.values():
            proxy.close()

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

    def last_training(self):
        """The last training that has completed, as Prefect knows it."""
        (run,) = self.api_post(
            "/flow_runs/filter", sort="START_TIME_DESC", limit=1,
            flows={"name": {"any_": ["sentiment-training"]}},
            flow_runs={"state": {"type": {"any_": ["COMPLETED"]}}},
        )  # fmt: skip
        return run


@contextmanager
def running_stack(root, **options):
    """All parts but the API, on free ports, with a project folder to work in.

    `root` is not pytest's own folder: nobody, who runs PostgreSQL for root, has to get into it.
    """
    root.chmod(0o755)
    shutil.copy(ROOT / "prefect.yaml", copy_choices(root))
    stack = Stack(root, **options)
    try:
        stack.start(*PARTS_IN_ORDER)
        stack.cli("prepare-data", "--samples", 600, "--output", "reviews.csv")
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="session")
def stack():
    """The stack that all tests of a session share."""
    with (
        tempfile.TemporaryDirectory(prefix="sentiment-stack-", ignore_cleanup_errors=True) as root,
        running_stack(Path(root)) as stack,
    ):
        yield stack


@contextmanager
def api(stack, model_name, **environment):
    """An API of the stack, with a client of it."""
    port = free_port()
    environment = {
        **stack.client_environment, "MODEL_NAME": model_name, "MODEL_RELOAD_INTERVAL": "0.5",
        "PORT": str(port), "SENTIMENT_HOME": str(stack.root / f"api-{port}"), **environment,
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    log = stack.root / f"api-{port}.log"
    with (
        running([BIN / "sentiment-serve"], url, log, ready="/livez", **environment) as process,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        client.process = psutil.Process(process.popen.pid)
        yield client


def kill_in_the_middle(stack, part, experiment):
    """Kill a part at the moment when the training has begun to write to MLflow."""
    client = mlflow.MlflowClient(stack.client_environment["MLFLOW_TRACKING_URI"])

    def writing():
        found = client.get_experiment_by_name(experiment)
        return found and client.search_runs([found.experiment_id])

    eventually(writing, 120)
    stack.kill(part)


def assert_champion_is_sound(stack, model_name):
    assert stack.cli("predict", "A fine film", "--json", MODEL_NAME=model_name)
    exported = stack.cli("export-champion", "--json", MODEL_NAME=model_name)["version"]
    versions = stack.cli("list-versions", "--json", MODEL_NAME=model_name)
    assert [info["version"] for info in versions if "champion" in info["aliases"]] == [exported]


@pytest.fixture(scope="session")
def trained_model(stack):
    """One model in MLflow, for the tests that need just any."""
    result = stack.cli("train", "--data-path", "reviews.csv", "--json", MODEL_NAME="trained-once")
    client = mlflow.MlflowClient(stack.client_environment["MLFLOW_TRACKING_URI"])
    source = client.get_model_version("trained-once", result["model_version"]).source
    return LoggedModel(result["run_id"], source, result["scorer_digest"])


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
