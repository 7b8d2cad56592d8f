"""The REST API of a registry that misbehaves: a real HTTP server that answers what it is told."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from sentiment_core.errors import (
    AliasNotSetError,
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SettingsError,
    UnreachableError,
)
from sentiment_serve.model.http import HTTP_STATUSES, URLLIB3_ERRORS, HttpReader, open_pool
from sentiment_serve.model.mlflow_server import MLFLOW_ANSWERS, MlflowServer
from sentiment_serve.settings import ServeSettings

VERSION = {
    "name": "m", "version": "3", "run_id": "r", "aliases": ["champion"],
    "tags": [{"key": "scorer.sha256", "value": "d"}],
}  # fmt: skip
ALIAS, MODEL, LOCATION = (
    "registered-models/alias",
    "registered-models/get",
    "model-versions/get-download-uri",
)
HEALTHY = {
    ALIAS: (200, {"model_version": VERSION}),
    MODEL: (200, {"registered_model": {"name": "m", "aliases": [{"alias": "champion"}]}}),
    LOCATION: (200, {"artifact_uri": "s3://bucket/3/"}),
}


class Registry:
    """What the server answers by path, and what it was asked."""

    def __init__(self):
        self.answers, self.asked, self.headers = dict(HEALTHY), [], {}

    def answer(self, path, status, body):
        self.answers[path] = (status, body)


@pytest.fixture
def server():
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            path = address.path.removeprefix("/api/2.0/mlflow/")
            registry.asked.append((path, parse_qs(address.query)))
            status, body = registry.answers.get(path, (404, b"nothing here"))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in registry.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(registry.headers.get("Length", len(content))))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        registry.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=[0.01])
        thread.start()
        yield registry
        http.shutdown()
        thread.join()


@pytest.fixture
def pool():
    with open_pool() as pool:
        yield pool


@pytest.fixture
def resolve(server, pool):
    settings = ServeSettings(mlflow_tracking_uri=server.url, model_name="m")
    return MlflowServer(settings, pool).resolve


VERSIONS = "model-versions/search"
LISTED = {
    **VERSION, "creation_timestamp": 1_700_000_000_000,
    "tags": [{"key": "promotion.verdict", "value": "not-promoted"}, {"key": "other", "value": "x"}],
}  # fmt: skip


def test_versions_come_with_their_aliases_and_what_was_decided(server, pool):
    alias = {"alias": "champion", "version": "3"}
    server.answer(MODEL, 200, {"registered_model": {"name": "m", "aliases": [alias]}})
    server.answer(VERSIONS, 200, {"model_versions": [LISTED, {**LISTED, "version": "2"}]})
    settings = ServeSettings(mlflow_tracking_uri=server.url, model_name="m")
    newest, older = MlflowServer(settings, pool).versions()
    assert (newest.version, newest.aliases, newest.decision) == (
        "3", ("champion",), {"verdict": "not-promoted"},
    )  # fmt: skip
    assert newest.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (older.version, older.aliases) == ("2", ())


@pytest.mark.parametrize(
    ("version", "moment"), [({"version": "one"}, True), ({"creation_timestamp": "never"}, False)]
)
def test_versions_that_say_strange_things_are_listed_all_the_same(server, pool, version, moment):
    server.answer(VERSIONS, 200, {"model_versions": [{**LISTED, **version}]})
    server.answer(MODEL, 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
    settings = ServeSettings(mlflow_tracking_uri=server.url, model_name="m")
    (found,) = MlflowServer(settings, pool).versions()
    assert (found.created_at is not None) == moment
    assert found.aliases == ()


def test_a_healthy_registry_is_asked_twice_and_then_once(server, resolve):
    ref = resolve("champion")
    assert (ref.version, ref.run_id, ref.digest) == ("3", "r", "d")
    assert ref.package_uri == "s3://bucket/3/data/package"
    assert server.asked == [
        (ALIAS, {"name": ["m"], "alias": ["champion"]}),
        (LOCATION, {"name": ["m"], "version": ["3"]}),
    ]
    assert resolve("champion") == ref
    assert [path for path, _ in server.asked[2:]] == [ALIAS]


@pytest.mark.parametrize("change", [{"version": "4"}, {"run_id": "x"}, {"creation_timestamp": 7}])
def test_another_version_has_a_place_of_its_own_whatever_its_number(server, resolve, change):
    resolve("champion")
    server.answer(ALIAS, 200, {"model_version": VERSION | change})
    server.answer(LOCATION, 200, {"artifact_uri": "s3://bucket/other"})
    assert resolve("champion").package_uri == "s3://bucket/other/data/package"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error_code": "PERMISSION_DENIED", "message": "SELECT * FROM registered_model_aliases"},
        {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "alias champion"},
        {"error_code": "INVALID_PARAMETER_VALUE", "message": "alias champion not found"},
        b"<html>alias</html>",
    ],
)
def test_a_server_that_denies_has_not_said_that_the_alias_is_not_set(server, resolve, status, body):
    server.answer(ALIAS, status, body)
    with pytest.raises(DeniedError, match="check MLFLOW_TRACKING_USERNAME"):
        resolve("champion")


def test_a_missing_model_or_alias_is_not_set(server, resolve):
    server.answer(ALIAS, 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"})
    with pytest.raises(AliasNotSetError, match="Make one with `sentiment-cli train"):
        resolve("champion")
    with pytest.raises(AliasNotSetError) as error:
        resolve("challenger")
    assert "Make one" not in str(error.value)


INVALID = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias x not found"}


def test_an_invalid_parameter_is_believed_only_after_the_model_was_asked(server, resolve):
    server.answer(ALIAS, 400, INVALID)
    with pytest.raises(AliasNotSetError):
        resolve("challenger")  # the model has a champion alone
    assert [path for path, _ in server.asked] == [ALIAS, MODEL]
    with pytest.raises(InputError, match="400 INVALID_PARAMETER_VALUE"):
        resolve("champion")
    server.answer(MODEL, 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
    with pytest.raises(AliasNotSetError):
        resolve("champion")
    server.answer(MODEL, 500, {"error_code": "INTERNAL_ERROR"})
    with pytest.raises(UnreachableError):
        resolve("champion")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_at_fault_is_an_outage(server, resolve, status):
    message = "(OperationalError) SELECT FROM registered_model_aliases"
    server.answer(ALIAS, status, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": message})
    server.headers = {"Retry-After": "3600"}  # is not waited for
    with pytest.raises(UnreachableError, match=str(status)):
        resolve("champion")


def test_a_version_without_files_is_not_an_alias_that_is_not_set(server, resolve):
    server.answer(LOCATION, 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
    with pytest.raises(NotFoundError) as error:
        resolve("champion")
    assert error.type is NotFoundError


def test_a_refusal_is_neither_an_outage_nor_an_absence(server, resolve):
    server.answer(ALIAS, 400, {"error_code": "BAD_REQUEST", "message": "registered_model_aliases"})
    with pytest.raises(RefusedError, match="400 BAD_REQUEST"):
        resolve("champion")


FOREIGN = [
    [], [1], None, "champion", 5, {}, b"", b"\xff", b"<html></html>", b"{",
    {"model_version": None}, {"model_version": []}, {"model_version": {}},
    {"model_version": {"version": None}}, {"model_version": {"version": ""}},
    {"model_version": {"version": {"a": 1}}}, {"model_version": {"version": "3", "tags": {}}},
    {"model_version": {"version": "3", "tags": [None]}},
    {"model_version": {"version": "3", "tags": [{"value": "x"}]}},
]  # fmt: skip


@pytest.mark.parametrize("body", FOREIGN, ids=repr)
def test_an_answer_of_another_shape_is_an_outage(server, resolve, body):
    server.answer(ALIAS, 200, body)
    with pytest.raises(UnreachableError, match="something that is not MLflow's"):
        resolve("champion")


@pytest.mark.parametrize("body", [[], None, {}, {"artifact_uri": None}, {"artifact_uri": ""}])
def test_a_location_of_another_shape_is_an_outage(server, resolve, body):
    server.answer(LOCATION, 200, body)
    with pytest.raises(UnreachableError, match="something that is not MLflow's"):
        resolve("champion")


@pytest.mark.parametrize("body", [[], None, b"", b"<html>Not Found</html>"])
def test_a_404_of_something_else_is_an_outage(server, resolve, body):
    server.answer(ALIAS, 404, body)
    with pytest.raises(UnreachableError, match="check MLFLOW_TRACKING_URI"):
        resolve("champion")


@pytest.mark.parametrize(("status", "error"), [*HTTP_STATUSES.items(), (418, RefusedError)])
def test_each_status_is_reached(server, pool, tmp_path, status, error):
    server.answer("/folder/key", status, b"no")
    reader = HttpReader(f"{server.url}/folder", pool)
    for read in (reader.get, lambda key: reader.get_file(key, tmp_path / "copy")):
        with pytest.raises(error, match=str(status)) as raised:
            read("key")
        assert raised.type is error
    assert not list(tmp_path.iterdir())


def test_each_error_of_the_library_is_reached(server, pool, tmp_path):
    server.answer("/folder/key", 200, b"half")
    server.headers = {"Length": 1000}
    reached = set()
    for url in (server.url, "http://127.0.0.1:9", "http://[::1", "http://127.0.0.1:99999"):
        reader = HttpReader(f"{url}/folder", pool)
        for read in (reader.get, lambda key, reader=reader: reader.get_file(key, tmp_path / "a")):
            with pytest.raises((SettingsError, UnreachableError)) as raised:
                read("key")
            assert isinstance(raised.value.__cause__, urllib3.exceptions.HTTPError)
            reached.add(raised.type)
    assert reached == set(URLLIB3_ERRORS.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("answer", "error"), MLFLOW_ANSWERS.items(), ids=repr)
def test_each_answer_of_mlflow_is_reached(server, resolve, answer, error):
    status, code = answer
    server.answer(LOCATION, status, {"error_code": code})
    with pytest.raises(error) as raised:
        resolve("champion")
    assert raised.type is error
