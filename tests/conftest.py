"""Real servers for the tests that cross packages."""

import pytest

from tests.support import mlflow_server


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory):
    """One MLflow server for tests that do not harm it."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as process:
        yield process
