"""The process around the application: settings from every place, the console script, the logs."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sentiment_serve.process.event_loop import FairEventLoop
from sentiment_serve.process.logs import EventFormatter
from tests.support import free_port, running

TO_S3 = {"PREDICTION_LOG": "s3", "PREDICTION_LOG_PATH": "s3://data/log"}
SERVE = str(Path(sys.executable).with_name("sentiment-serve"))


def run(*arguments, cwd=None, **environment):
    return subprocess.run(
        [SERVE, *arguments], env=os.environ | environment, cwd=cwd, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


def test_help_lists_every_setting():
    result = run("--help")
    assert result.returncode == 0
    for name in ("MODEL_RELOAD_INTERVAL", "ADMIN_TOKEN", "PREDICTION_LOG_PATH"):
        assert name in result.stdout


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PORT": "many"}, "Error: invalid settings: PORT: "),
        ({"MODEL_SOURCE": "ftp://x"}, "starts with none of models:, s3://"),
        ({"ADMIN_TOKEN_FILE": "/nowhere/token"}, "Error: Cannot read ADMIN_TOKEN_FILE=/nowhere"),
        ({"ADMIN_TOKEN_FILE": sys.executable}, "is not UTF-8 text."),
        ({**TO_S3, "MLFLOW_S3_ENDPOINT_URL": "localhost:9000"}, "Invalid endpoint: localhost:9000"),
        ({**TO_S3, "AWS_ACCESS_KEY_ID": "half"}, "set both AWS_ACCESS_KEY_ID and AWS_SECRET"),
        ({**TO_S3, "PREDICTION_LOG_PATH": "s3://"}, "PREDICTION_LOG_PATH=s3:// names no bucket"),
    ],
)
def test_a_wrong_setting_is_one_plain_line(tmp_path, environment, message):
    result = run(cwd=tmp_path, **environment)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


READ = """
import json
from sentiment_core.s3_store import s3_client
from sentiment_serve.settings import load_settings

settings, stores = load_settings()
client = s3_client(stores)
keys = client._request_signer._credentials
print(json.dumps({
    "port": settings.port,
    "admin": settings.admin_token.get_secret_value(),
    "endpoint": client.meta.endpoint_url,
    "key": keys.access_key, "secret": keys.secret_key, "region": client.meta.region_name,
}))
"""

DOTENV = """\
PORT=8123
ADMIN_TOKEN_FILE={token}
MLFLOW_S3_ENDPOINT_URL=http://127.0.0.1:9
AWS_ACCESS_KEY_ID=key
AWS_SECRET_ACCESS_KEY_FILE={secret}
AWS_DEFAULT_REGION=eu-west-9
"""


def test_a_value_in_dotenv_means_the_same_whatever_it_is(tmp_path):
    (tmp_path / "token").write_text("admin-token\n")
    (tmp_path / "secret").write_text("store-secret\n")
    content = DOTENV.format(token=tmp_path / "token", secret=tmp_path / "secret")
    (tmp_path / ".env").write_text(content)
    environment = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MLFLOW_", "ADMIN_", "PORT"))
    }  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert json.loads(result.stdout) == {
        "port": 8123, "admin": "admin-token", "endpoint": "http://127.0.0.1:9",
        "key": "key", "secret": "store-secret", "region": "eu-west-9",  # pragma: allowlist secret
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [[SERVE], [sys.executable, "-m", "uvicorn", "sentiment_serve.app:app"]],
    ids=["sentiment-serve", "uvicorn"],
)
def test_both_entrances_read_dotenv_and_log_json(tmp_path, command):
    (tmp_path / "token").write_text("from-a-file")
    (tmp_path / ".env").write_text(f"ADMIN_TOKEN_FILE={tmp_path / 'token'}\n")
    port = free_port()
    if command != [SERVE]:
        command = [*command, "--port", str(port)]
    log = tmp_path / "api.log"
    # The registry is away; what is asked here needs none.
    with running(
        command, f"http://127.0.0.1:{port}", log, ready="/livez", cwd=tmp_path, PORT=str(port),
        SENTIMENT_HOME=str(tmp_path / "home"), MLFLOW_TRACKING_URI="http://127.0.0.1:9",
    ) as process:  # fmt: skip
        reload = f"{process.url}/admin/reload"
        assert httpx.post(reload).status_code == 401
        headers = {"Authorization": "Bearer from-a-file"}
        assert httpx.post(reload, headers=headers, timeout=60).status_code == 200
        degraded = httpx.get(f"{process.url}/readyz").json()["degraded"]
        assert "does not answer" in degraded[0]
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (away,) = [line for line in lines if "does not answer" in line["message"]]
    assert list(away)[:4] == ["time", "level", "logger", "message"]
    assert away["level"] == "warning"
    assert "from-a-file" not in log.read_text()


def test_an_event_is_one_line_of_json_with_its_fields_and_exception():
    try:
        int("größer")
    except ValueError:
        record = logging.LogRecord("a.b", logging.ERROR, "p", 1, "%s!", ("ü",), sys.exc_info())
    record.created, record.msecs = 0.0, 7.0
    record.request_id, record.color_message = "r", "x"
    line = EventFormatter().format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert event.pop("exception").endswith("'größer'")
    assert event == {
        "time": "1970-01-01T00:00:00.007Z", "level": "error", "logger": "a.b", "message": "ü!",
        "request_id": "r",
    }  # fmt: skip
    assert "ü" in line


@pytest.mark.parametrize(("loop", "at_once"), [(None, False), (FairEventLoop, True)])
def test_answers_of_workers_are_sent_at_once(loop, at_once):
    """The first case says why ours does it: when it fails, asyncio does it too."""

    async def takes_connections_that_send_at_once():
        taken = asyncio.Queue()

        class Taken(asyncio.Protocol):
            def connection_made(self, transport):
                taken.put_nowait(transport.get_extra_info("socket"))

        with socket.socket() as listening:  # as uvicorn makes it for several workers
            listening.bind(("127.0.0.1", 0))
            async with await asyncio.get_running_loop().create_server(Taken, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                connection = await taken.get()
                option = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                writer.close()
                return bool(option)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(takes_connections_that_send_at_once()) == at_once


def test_another_worker_does_not_shorten_the_queue_of_connections():
    """They are taken by eights, by a loop that begins to listen where others listen before."""

    async def connect(count):
        clients = []

        def come(address):
            # While this loop does not turn, nobody takes them.
            clients.extend(socket.create_connection(address, 5) for _ in range(count))

        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(100)
            listening.setblocking(False)
            loop = asyncio.get_running_loop()
            loop.call_soon(come, listening.getsockname())
            server = await loop.create_server(asyncio.Protocol, sock=listening, backlog=100)
            async with server:
                for client in clients:
                    client.close()
        return len(clients)

    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        assert runner.run(connect(30)) == 30
