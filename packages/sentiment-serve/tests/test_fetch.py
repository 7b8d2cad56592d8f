"""Fetching a package over HTTP and from folders, from real servers of this machine."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3

from sentiment_core.errors import (
    ModelError,
    NotFoundError,
    SettingsError,
    UnreachableError,
)
from sentiment_core.model_package import SCORER_FILE, check_package
from sentiment_core.store_settings import StoreSettings
from sentiment_serve.model.http import HttpReader, open_pool
from sentiment_serve.model.mlflow_server import MlflowServer, http_headers
from sentiment_serve.model.packages import PackageReader
from sentiment_serve.model.source import open_source
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
    return ServeSettings(**values)


def fetch_package(address, settings, pool, **stores):
    return PackageReader(settings, StoreSettings(**stores), pool).fetch(address)


def source(settings, pool):
    return open_source(settings, PackageReader(settings, StoreSettings(), pool), pool)


def test_a_package_comes_over_http_and_from_a_folder(served, pool):
    package, url = served
    for address in (url, str(package), package.as_uri()):
        files = fetch_package(address, settings(), pool)
        assert check_package(files).metrics == {"f1": 0.9}


def test_a_missing_file_is_a_bad_version_not_an_outage(served, pool):
    package, url = served
    (package / SCORER_FILE).unlink()
    for address in (url, str(package)):
        with pytest.raises(ModelError, match="has no file"):
            fetch_package(address, settings(), pool)
    with pytest.raises(ModelError, match="cannot be fetched"):
        fetch_package("ftp://x/y", settings(), pool)


def test_a_store_that_does_not_answer_is_an_outage(pool):
    for address in ("http://127.0.0.1:9/x", "mlflow-artifacts:/1/x"):
        with pytest.raises(UnreachableError):
            fetch_package(address, settings(mlflow_tracking_uri="http://127.0.0.1:9"), pool)


class ArtifactsHandler(QuietHandler):
    """Notes what it is asked, and sends some of it elsewhere."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Authorization"]))
        elsewhere = self.server.elsewhere
        self.send_response(302 if elsewhere else 200)
        if elsewhere:
            self.send_header("Location", elsewhere + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def two_servers():
    """A tracking server and another one; each with what it was asked."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), ArtifactsHandler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.asked, server.elsewhere = [], None
        thread.start()
    yield servers
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def test_artifacts_come_from_the_tracking_server_and_no_other_host_gets_its_token(two_servers):
    own, other = two_servers
    hosts = [f"127.0.0.1:{server.server_port}" for server in two_servers]
    behind = settings(
        mlflow_tracking_uri=f"http://{hosts[0]}/mlflow", mlflow_tracking_token="secret",
        mlflow_tracking_username=None,
    )  # fmt: skip
    asked = "/mlflow/api/2.0/mlflow-artifacts/artifacts/1/a%23b/scorer.bin"
    with open_pool() as pool:
        reader = PackageReader(behind, StoreSettings(), pool)
        for authority in ("", f"//{hosts[0]}"):
            reader.open(f"mlflow-artifacts:{authority}/1/a#b").get("scorer.bin")
        assert own.asked == [(asked, "Bearer secret")] * 2
        reader.open(f"mlflow-artifacts://{hosts[1]}/1/a#b").get("scorer.bin")
        own.elsewhere = f"http://{hosts[1]}"
        reader.open("mlflow-artifacts:/1/a#b").get("scorer.bin")
    assert other.asked == [(asked, None)] * 2


def test_another_host_is_asked_as_safely_as_the_tracking_server():
    behind = settings(mlflow_tracking_uri="https://user:password@mlflow.example/x")
    with open_pool() as pool:
        reader = PackageReader(behind, StoreSettings(), pool).open("mlflow-artifacts://else/1")
    assert reader.uri == "https://else/x/api/2.0/mlflow-artifacts/artifacts/1"


@pytest.mark.parametrize("name", ["x#1", "a?b", "with space", "ü", "p%20q"])
def test_a_folder_with_any_name_is_read(tmp_path, pool, name):
    package = FolderRegistry(tmp_path / name).add("1")
    addresses = [str(package), package.as_uri()]
    if "%" not in name:
        addresses.append(f"file://{package}")
    for address in addresses:
        assert check_package(fetch_package(address, settings(), pool)).metrics == {"f1": 0.9}


@pytest.mark.parametrize("name", ["a?b", "p%20q"])
def test_a_home_that_the_database_cannot_be_in_is_named(tmp_path, name):
    with pytest.raises(SettingsError, match="choose another folder"):
        settings(sentiment_home=tmp_path / name)
    assert settings(sentiment_home=tmp_path / name, mlflow_tracking_uri="http://x")


def test_an_s3_store_that_does_not_answer_is_an_outage(pool):
    with pytest.raises(UnreachableError, match="store"):
        fetch_package(
            "s3://bucket/x", settings(), pool, endpoint="http://127.0.0.1:9",
            aws_access_key_id="x", aws_secret_access_key="x", aws_default_region="us-east-1",
        )  # fmt: skip


def test_a_reader_over_http_reads_what_is_there_and_says_what_is_not(served, tmp_path, pool):
    package, url = served
    (package / "ü & ?#%20.bin").write_bytes(b"x" * 1_000_000)
    reader = HttpReader(f"{url}/", pool)
    assert reader.uri == url
    assert reader.get("ü & ?#%20.bin") == b"x" * 1_000_000
    reader.get_file("ü & ?#%20.bin", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_bytes() == b"x" * 1_000_000
    for read in (reader.get, lambda key: reader.get_file(key, tmp_path / "new" / "copy")):
        with pytest.raises(NotFoundError, match="has no file missing"):
            read("missing")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy"]


def test_a_registry_that_does_not_answer_is_an_outage(pool):
    registry = source(settings(mlflow_tracking_uri="http://127.0.0.1:9"), pool)
    assert isinstance(registry, MlflowServer)
    with pytest.raises(UnreachableError, match="does not answer"):
        registry.resolve("champion")


def test_an_answer_that_is_not_mlflows_is_an_outage(served, pool):
    _, url = served
    registry = source(settings(mlflow_tracking_uri=url), pool)
    with pytest.raises(UnreachableError, match="not MLflow's"):
        registry.resolve("champion")


def test_credentials_of_the_registry_are_sent():
    assert http_headers(settings()) == {}
    token = http_headers(settings(mlflow_tracking_token="t"))
    assert token == {"Authorization": "Bearer t"}
    basic = http_headers(settings(mlflow_tracking_username="u", mlflow_tracking_password="p"))
    assert basic == {"authorization": "Basic dTpw"}
