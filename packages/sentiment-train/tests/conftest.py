from itertools import count
from pathlib import Path

import mlflow
import numpy as np
import pytest

from sentiment_core.model_package import write_package
from sentiment_core.params import Params, load_params
from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.registry.versions import Registry
from sentiment_train.results import LoggedModel
from tests.support.training import copy_home, empty_tracking_database, prefect_server, settings

__all__ = ["empty_tracking_database", "prefect_server", "settings"]

PROJECT_PARAMS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture(scope="session")
def reviews_file(tmp_path_factory):
    """Six hundred real reviews."""
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    prepare_dataset(PackageSource(), path, samples=600, seed=1)
    return path


@pytest.fixture(scope="session")
def project_params() -> Params:
    return load_params(PROJECT_PARAMS)


@pytest.fixture(scope="session")
def params(project_params) -> Params:
    """Those of the project, but a training fits once: neither refitted nor calibrated."""
    return project_params.with_values({"data.refit": False, "model.calibration_folds": None})


@pytest.fixture(scope="session")
def weak_params(params) -> Params:
    """Parameters whose model is certainly worse: a vocabulary of three words."""
    vectorizer = params.vectorizer.model_copy(update={"max_features": 3, "ngram_range": (1, 1)})
    return params.model_copy(update={"vectorizer": vectorizer})


def add_version(registry, folder, weight):
    """Log a model that knows two words in the active experiment, and register it."""
    vocabulary, _ = Vocabulary.from_terms(["bad", "good"])
    scorer = LinearScorer(
        vocabulary=vocabulary, idf=np.ones(2), coefficients=np.array([-weight, weight]),
        intercept=0.0, max_ngram=1, sublinear_tf=True,
    )  # fmt: skip
    package = folder / f"model-{weight}" / "package"
    write_package(package, scorer, metrics={}, examples=["good"], model_card="# Card\n")
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(
            name="model", loader_module="sentiment_core.pyfunc", data_path=str(package),
            pip_requirements=[],
        )  # fmt: skip
    return registry.register(LoggedModel(run.info.run_id, info.model_uri, scorer.digest))


@pytest.fixture
def new_version(tmp_path):
    """Adds a version to a registry, each with another model."""
    weights = count(3)
    return lambda registry: add_version(registry, tmp_path, float(next(weights)))


@pytest.fixture(scope="session")
def home_of_two_versions(tmp_path_factory):
    """Where `two_versions` keeps what it has made once: that takes a second."""
    return tmp_path_factory.mktemp("two-versions") / "home"


@pytest.fixture
def two_versions(settings, tmp_path, home_of_two_versions):
    """A registry with two versions, the second of which is surer."""
    if home_of_two_versions.exists():
        copy_home(home_of_two_versions, settings.home)
        return Registry("exported")
    mlflow.create_experiment("small", artifact_location=(settings.home / "artifacts").as_uri())
    mlflow.set_experiment("small")
    registry = Registry("exported")
    for weight in (1.0, 2.0):
        add_version(registry, tmp_path, weight)
    copy_home(settings.home, home_of_two_versions)
    return registry
