from pathlib import Path

import pytest

from sentiment_core.params import Params, load_params
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.sources.package import PackageSource
from tests.support.training import empty_tracking_database, prefect_server, settings

__all__ = ["empty_tracking_database", "prefect_server", "settings"]

PROJECT_PARAMS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture(scope="session")
def reviews_file(tmp_path_factory):
    """Six hundred real reviews."""
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    prepare_dataset(PackageSource(), path, samples=600, seed=1)
    return path


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(PROJECT_PARAMS)


@pytest.fixture(scope="session")
def weak_params(params) -> Params:
    """Parameters whose model is certainly worse: a vocabulary of three words."""
    vectorizer = params.vectorizer.model_copy(update={"max_features": 3, "ngram_range": (1, 1)})
    return params.model_copy(update={"vectorizer": vectorizer})
