"""Fixtures for code that trains: a real Prefect server and a real MLflow database.

A ``conftest.py`` imports them.
"""

import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from sentiment_train.running.environment import configure_runtime
from sentiment_train.settings import TrainSettings
from tests.support.projects import copy_choices

_START_TIMEOUT_SECONDS = 120


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """Run a Prefect server for all flow runs of the session; gives its address."""
    with prefect_test_harness(server_startup_timeout=_START_TIMEOUT_SECONDS):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def empty_tracking_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an MLflow database with its tables once: that takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own making
        mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_tracking_database: Path
) -> TrainSettings:
    """Configure this process for a fresh SENTIMENT_HOME and a fresh project folder."""
    copy_choices(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_tracking_database, home / "mlflow.db")
    for name in ("MODEL_NAME", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    # configure_runtime changes it; monkeypatch restores it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("SENTIMENT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return configure_runtime()


def copy_home(home: Path, target: Path) -> None:
    """Copy a SENTIMENT_HOME, so that a test need not train for what another has trained.

    Parameters
    ----------
    home : Path
        With an MLflow database that nobody writes to now.
    target : Path
        Overwritten. Its database names its own artifacts, not those of the original.
    """
    shutil.copytree(home, target, ignore=shutil.ignore_patterns("mlflow.db*"), dirs_exist_ok=True)
    with (
        closing(sqlite3.connect(home / "mlflow.db")) as source,
        closing(sqlite3.connect(target / "mlflow.db")) as copy,
        copy,
    ):
        source.backup(copy)  # in place: MLflow may have the file open
        for (table,) in copy.execute(
            "SELECT name FROM sqlite_master WHERE type='table'"
        ).fetchall():
            for _, column, kind, *_ in copy.execute(f"PRAGMA table_info({table})").fetchall():
                if "CHAR" in kind or "TEXT" in kind:
                    copy.execute(
                        f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?)'
                        f' WHERE "{column}" LIKE ?',
                        (str(home), str(target), f"%{home}%"),
                    )
