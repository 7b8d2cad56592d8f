"""Models in a real registry, and real API processes that follow it."""

import itertools
import json
from contextlib import contextmanager

import httpx
import mlflow as mlflow_library
import pytest

from sentiment_core.model_package import write_package
from sentiment_core.registry_names import CHAMPION, PACKAGE_DIRECTORY
from sentiment_train.registry.versions import Registry
from sentiment_train.results import LoggedModel
from tests.support import BIN, free_port, running
from tests.support.tiny_models import export_version, make_scorer

_numbers = itertools.count(1)


class Publisher:
    """Logs and registers tiny models as training does."""

    def __init__(self, url, name):
        mlflow_library.set_tracking_uri(url)
        self.url, self.name = url, name
        self.registry = Registry(name)

    def publish(self, tmp_path, *, weight=4.0, alias=CHAMPION, spoil=None):
        """Register a new version, perhaps spoiled, and let an alias name it."""
        scorer = make_scorer(weight)
        package = tmp_path / f"model-{next(_numbers)}" / PACKAGE_DIRECTORY
        write_package(
            package, scorer, metrics={"f1": 0.9}, examples=["good", "bad"], model_card="# Card\n"
        )
        if spoil:
            spoil(package)
        mlflow_library.set_experiment("tests")
        with mlflow_library.start_run() as run:
            info = mlflow_library.pyfunc.log_model(
                name="model", loader_module="sentiment_core.pyfunc", data_path=str(package),
                pip_requirements=["sentiment-core"],
            )  # fmt: skip
        model = LoggedModel(run.info.run_id, info.model_uri, scorer.digest)
        version = self.registry.register(model)
        if alias:
            self.registry.set_alias(alias, version)
        return version


@pytest.fixture
def publisher(mlflow, request):
    yield Publisher(mlflow.url, f"model-{next(_numbers)}")
    mlflow_library.set_tracking_uri(None)


class Exported:
    """A folder with exported versions and a pointer."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def publish(self, version):
        export_version(self.folder, version, make_scorer(float(version)))


@pytest.fixture
def exported(tmp_path):
    exported = Exported(tmp_path / "exported")
    exported.publish("1")
    return exported


class Api:
    """A running API and what one asks it."""

    def __init__(self, process):
        self.process, self.url = process, process.url
        self.client = httpx.Client(base_url=process.url, timeout=30)

    def predict(self, text="good", **headers):
        return self.client.post("/predict", json={"text": text}, headers=headers)

    def version(self):
        answer = self.predict()
        return answer.json()["model_version"] if answer.is_success else None

    def metric(self, name):
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def log(self):
        lines = self.process.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def start_api(tmp_path, publisher):
    @contextmanager
    def start(**environment):
        port = str(free_port())
        environment = {
            "HOST": "127.0.0.1", "PORT": port, "SENTIMENT_HOME": str(tmp_path / "home"),
            "MLFLOW_TRACKING_URI": publisher.url, "MODEL_NAME": publisher.name,
            "MODEL_RELOAD_INTERVAL": "0.3", **environment,
        }  # fmt: skip
        log = tmp_path / f"api-{port}.log"
        command = [str(BIN / "sentiment-serve")]
        with running(
            command, f"http://127.0.0.1:{port}", log, ready="/livez", **environment
        ) as process:
            api = Api(process)
            with api.client:
                yield api

    return start
