"""Fetching a package over HTTP and from folders, from real servers of this machine."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3

from sentiment_core.model_package import SCORER_FILE, load_package
from sentiment_serve.model.errors import (
    AliasNotSetError,
    BadVersionError,
    SourceUnreachableError,
)
from sentiment_serve.model.fetch import fetch_package
from sentiment_serve.model.mlflow_server import (
    EmbeddedRegistry,
    ServerRegistry,
    http_headers,
)
from sentiment_serve.model.source import open_registry
from sentiment_serve.settings import ServeSettings
from tests.support.tiny_models import FolderRegistry


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def pool():
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


@pytest.fixture
def served(tmp_path):
    """A package in a folder, and the address of a real HTTP server over it."""
    package = FolderRegistry(tmp_path / "store").add("1")
    handler = partial(QuietHandler, directory=str(tmp_path / "store"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        relative = package.relative_to(tmp_path / "store").as_posix()
        yield package, f"http://127.0.0.1:{server.server_port}/{relative}"
        server.shutdown()
        thread.join()


def settings(**values):
    return ServeSettings(_env_file=None, **values)


def test_a_package_comes_over_http_and_from_a_folder(served, tmp_path, pool):
    package, url = served
    for number, address in enumerate([url, str(package), package.as_uri()]):
        target = tmp_path / f"target-{number}"
        target.mkdir()
        fetch_package(address, target, settings(), pool)
        assert load_package(target).metrics == {"f1": 0.9}


def test_a_missing_file_is_a_bad_version_not_an_outage(served, tmp_path, pool):
    package, url = served
    (package / SCORER_FILE).unlink()
    for address in (url, str(package)):
        with pytest.raises(BadVersionError, match="has no file"):
            fetch_package(address, tmp_path, settings(), pool)
    with pytest.raises(BadVersionError, match="cannot be fetched"):
        fetch_package("ftp://x/y", tmp_path, settings(), pool)


def test_a_store_that_does_not_answer_is_an_outage(tmp_path, pool):
    for address in ("http://127.0.0.1:9/x", "mlflow-artifacts:/1/x"):
        with pytest.raises(SourceUnreachableError):
            fetch_package(
                address, tmp_path, settings(mlflow_tracking_uri="http://127.0.0.1:9"), pool
            )


def test_a_store_without_keys_or_answer_is_an_outage(tmp_path, pool, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(SourceUnreachableError, match="store"):
        fetch_package("s3://bucket/x", tmp_path, settings(), pool)


def test_a_registry_that_does_not_answer_is_an_outage(pool):
    registry = open_registry(settings(mlflow_tracking_uri="http://127.0.0.1:9"), pool)
    assert isinstance(registry, ServerRegistry)
    with pytest.raises(SourceUnreachableError, match="does not answer"):
        registry.resolve("champion")


def test_an_answer_that_is_not_mlflows_is_an_outage(served, pool):
    _, url = served
    registry = open_registry(settings(mlflow_tracking_uri=url), pool)
    with pytest.raises((SourceUnreachableError, AliasNotSetError)) as error:
        registry.resolve("champion")
    assert error.type is SourceUnreachableError


def test_a_registry_without_server_says_what_it_needs(tmp_path, pool):
    registry = open_registry(settings(sentiment_home=tmp_path), pool)
    assert isinstance(registry, EmbeddedRegistry)
    try:
        import mlflow  # noqa: F401
    except ImportError:
        with pytest.raises(SourceUnreachableError, match="set MLFLOW_TRACKING_URI to a server"):
            registry.resolve("champion")
    else:
        with pytest.raises(AliasNotSetError):
            registry.resolve("champion")


def test_credentials_of_the_registry_are_sent():
    assert http_headers(settings()) == {}
    token = http_headers(settings(mlflow_tracking_token="t"))
    assert token == {"Authorization": "Bearer t"}
    basic = http_headers(settings(mlflow_tracking_username="u", mlflow_tracking_password="p"))
    assert basic == {"authorization": "Basic dTpw"}
