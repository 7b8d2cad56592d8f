"""A registry without a server, which MLflow reads in a process of its own."""

import subprocess
import sys

import pytest

from sentiment_core.errors import AliasNotSetError, UnreachableError
from sentiment_serve.model.mlflow_database import MlflowDatabase
from sentiment_serve.settings import ServeSettings

MAKE = """
import sys
from mlflow import MlflowClient
from sentiment_core.registry_names import SCORER_DIGEST_TAG

client = MlflowClient(sys.argv[1], sys.argv[1])
client.create_registered_model("m")
tags = {SCORER_DIGEST_TAG: "d", "promotion.verdict": "promoted", "promotion.reason": "it is better"}
version = client.create_model_version("m", "s3://bucket/model", "r", tags=tags)
client.set_registered_model_alias("m", "champion", version.version)
"""


def database(uri, name="m"):
    return MlflowDatabase(ServeSettings(mlflow_tracking_uri=uri, model_name=name))


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A database with a version that is the champion."""
    pytest.importorskip("mlflow", reason="the API's own environment has no MLflow")
    uri = f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db"
    subprocess.run([sys.executable, "-c", MAKE, uri], check=True, capture_output=True)
    return uri


def test_the_version_of_an_alias_is_found(uri):
    ref = database(uri).resolve("champion")
    assert (ref.version, ref.run_id, ref.digest) == ("1", "r", "d")
    assert ref.package_uri == "s3://bucket/model/data/package"


def test_all_versions_are_listed_with_aliases_and_decisions(uri):
    (found,) = database(uri).versions()
    assert (found.version, found.aliases) == ("1", ("champion",))
    assert found.decision == {"verdict": "promoted", "reason": "it is better"}
    assert found.created_at.year > 2000
    assert database(uri, "other").versions() == []


@pytest.mark.parametrize(("name", "alias"), [("m", "challenger"), ("other", "champion")])
def test_what_is_not_set_is_told_from_an_outage(uri, name, alias):
    with pytest.raises(AliasNotSetError, match=f"no version of {name} has @{alias}"):
        database(uri, name).resolve(alias)


def test_a_database_that_is_none_is_an_outage(uri, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is not SQLite " * 100)
    with pytest.raises(UnreachableError, match="Cannot read the registry"):
        database(f"sqlite:///{tmp_path}/mlflow.db").resolve("champion")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ('raise ModuleNotFoundError("none", name="mlflow")', "set MLFLOW_TRACKING_URI to a server"),
        ('raise SystemExit("the disk is full")', "the disk is full"),
        ('print("{}"); raise SystemExit(0)', "Cannot understand the registry"),
    ],
)
def test_a_process_that_fails_is_an_outage_that_says_why(tmp_path, monkeypatch, module, message):
    (tmp_path / "mlflow.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(UnreachableError, match=message):
        database("sqlite:///x.db").resolve("champion")
