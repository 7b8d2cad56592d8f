"""What the doctor asks of servers that want to know who asks."""

import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sentiment_cli.checks import _tracking
from sentiment_train.settings import TrainSettings

BASIC = "Basic " + b64encode(b"ada:secret").decode()


class Guarded(BaseHTTPRequestHandler):
    """Answers who has the password or the token."""

    def do_GET(self):
        known = self.headers["Authorization"] in {BASIC, "Bearer of-ada"}
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def guarded():
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


RIGHT = {
    "mlflow_tracking_username": "ada",
    "mlflow_tracking_password": "secret",  # pragma: allowlist secret
}
WRONG = RIGHT | {"mlflow_tracking_password": "wrong"}  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("secrets", "status"),
    [(RIGHT, "ok"), ({"mlflow_tracking_token": "of-ada"}, "ok"), (WRONG, "failed"), ({}, "failed")],
)
def test_the_tracking_server_is_asked_with_the_credentials_of_mlflow(guarded, secrets, status):
    result = _tracking(TrainSettings(mlflow_tracking_uri=guarded, **secrets))
    assert result.status == status
    assert result.advice == (None if status == "ok" else "Check its user, password or token.")
