"""What the answers of real servers mean, and what each error of httpx means."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import httpx
import pytest

from sentiment_cli.http_client import HTTP_ERRORS, fetch, fetch_json, meaning
from sentiment_core.errors import (
    RefusedError,
    SentimentError,
    SettingsError,
    UnreachableError,
)
from sentiment_train.http_errors import HTTP_STATUSES

PATIENCE = 20


class Handler(BaseHTTPRequestHandler):
    """Answers what the path asks for: /<status>/<body>."""

    def do_GET(self):
        _, status, body = unquote(self.path).split("/")
        if status == "broken":
            self.connection.close()
            return
        headers = {"Content-Encoding": "gzip"} if body == "garbled" else {}
        self.send_response(int(status))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        *HTTP_STATUSES.items(),
        (405, RefusedError),
        (500, UnreachableError),
        (503, UnreachableError),
    ],
)
def test_the_status_decides(server, status, cls):
    with pytest.raises(cls) as caught:
        fetch(f"{server}/{status}/x", timeout_seconds=PATIENCE)
    assert type(caught.value) is cls
    assert str(caught.value) == f"{server}/{status}/x answers {status}"


def test_what_is_accepted_is_returned(server):
    assert fetch(f"{server}/200/x", timeout_seconds=PATIENCE).text == "x"
    refused = fetch(f"{server}/403/x", timeout_seconds=PATIENCE, accepted_below=500)
    assert refused.status_code == 403


@pytest.mark.parametrize("body", ["<html>", "[1]", '"text"'])
def test_an_answer_that_is_no_object_is_a_refusal(server, body):
    with pytest.raises(RefusedError, match="does not answer with"):
        fetch_json(f"{server}/200/{body}", timeout_seconds=PATIENCE)


def test_an_object_is_read(server):
    assert fetch_json(f'{server}/200/{{"a":1}}', timeout_seconds=PATIENCE) == {"a": 1}


@pytest.mark.parametrize(
    ("address", "cls"),
    [
        ("http://127.0.0.1:9", UnreachableError),
        ("ftp://127.0.0.1", SettingsError),
        ("http://127.0.0.1:port", SettingsError),
        ("{server}/broken/x", UnreachableError),
        ("{server}/200/garbled", RefusedError),
    ],
)
def test_what_goes_wrong_before_there_is_an_answer(server, address, cls):
    url = address.format(server=server)
    with pytest.raises(cls) as caught:
        fetch(url, timeout_seconds=PATIENCE)
    assert type(caught.value) is cls
    assert str(caught.value).startswith(f"{url}: ")
    assert caught.value.__cause__ is not None


def all_below(cls):
    return {cls}.union(*(all_below(derived) for derived in cls.__subclasses__()))


def test_every_error_that_httpx_raises_for_a_request_has_a_meaning():
    for cls in all_below(httpx.TransportError) - {httpx.UnsupportedProtocol}:
        assert meaning(cls) is UnreachableError
    assert meaning(httpx.TooManyRedirects) is RefusedError
    assert all(issubclass(cls, SentimentError) for cls in HTTP_ERRORS.values())
