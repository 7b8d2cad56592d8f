"""Starting, stopping and what is said where that fails, with real processes."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import (
    read_passwords,
    server_environment,
    write_store_config,
)
from sentiment_cli.stack.log_file import log_file
from sentiment_cli.stack.programs import Program
from sentiment_cli.stack.record import start_of_process, write_record
from sentiment_cli.stack.supervisor import check_ports, procfile, start, stop
from sentiment_core.errors import ConflictError, RunError, SettingsError
from sentiment_train.running.ports import free_port

PROGRAM = Program("/opt/program", "Program 1", "PATH")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A stack that never ran, in a folder that is no project."""
    for name in [name for name in os.environ if name.startswith("STACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    ports = {f"{part}_port": free_port() for part in ("api", "mlflow", "prefect", "s3", "postgres")}
    return StackSettings(
        home=tmp_path / "stack",
        s3_secret_key="hidden",  # pragma: allowlist secret
        **ports,
    )


def test_a_start_that_fails_shows_what_the_log_says_last(settings):
    said = []
    with pytest.raises(RunError) as caught:
        start(settings, said.append)
    message = str(caught.value)
    assert message.startswith("A part of the stack stopped before all of them answered.")
    assert f"From {log_file(settings)}:" in message
    assert "Run this in the project's folder" in message
    assert said[0].startswith("Waiting for postgres, s3")
    assert stop(settings) is False


def test_a_taken_port_is_named_with_its_setting(settings):
    with socket.create_server(("127.0.0.1", settings.mlflow_port)):
        with pytest.raises(ConflictError, match="STACK_MLFLOW_PORT"):
            check_ports(settings)
        with pytest.raises(ConflictError, match=f"Port {settings.mlflow_port} of mlflow is taken"):
            start(settings, lambda _message: None)
    check_ports(settings)


def test_a_folder_that_cannot_be_made_is_a_setting_to_correct(settings, tmp_path):
    (tmp_path / "file").touch()
    inside = settings.model_copy(update={"home": tmp_path / "file/stack"})
    with pytest.raises(SettingsError, match="set STACK_HOME"):
        start(inside, lambda _message: None)


@pytest.fixture
def supervisor(settings):
    """A process that the record names as the one that runs the stack."""
    write_store_config(settings)
    write_record(settings, host="127.0.0.1", postgres=PROGRAM, store=PROGRAM)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = settings.folder / "stack.json"
    record = {"pid": process.pid, "started": start_of_process(process.pid)}
    path.write_text(json.dumps(json.loads(path.read_text()) | record))
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def test_a_running_stack_is_stopped_politely(settings, supervisor):
    assert stop(settings) is True
    assert supervisor.wait() == -signal.SIGTERM
    assert stop(settings) is False


def test_a_stack_that_is_just_starting_is_waited_for_and_not_started_again(settings, supervisor):
    said = []

    def end(message):
        said.append(message)
        supervisor.kill()
        supervisor.wait()

    with pytest.raises(RunError, match="stopped before all of them answered"):
        start(settings, end)
    assert said == ["Waiting for postgres, s3, mlflow, prefect, worker, api"]
    assert log_file(settings).read_bytes() == b""  # no other was started


def test_two_starts_at_once_wait_for_each_other(settings):
    """The first is stopped while it waits: the second one goes on by itself."""
    command = [
        sys.executable, "-c",
        "import sys; from sentiment_cli.stack.supervisor import start\n"
        "from sentiment_cli.settings import StackSettings\n"
        "def wait(message): print(message, flush=True); sys.stdin.read()\n"
        "start(StackSettings(), wait)",
    ]  # fmt: skip
    first = subprocess.Popen(
        command, env=os.environ | settings.as_environment(), text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert first.stdout.readline().startswith("Waiting for postgres")
    said = []

    def kill_the_first(message):
        if message == "Waiting for another `stack up`":
            first.kill()
            first.wait()
        said.append(message)

    with pytest.raises(RunError, match="Run this in the project's folder"):
        start(settings, kill_the_first)
    assert said[0] == "Waiting for another `stack up`"
    first.stdin.close()
    first.stdout.close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"postgres": "x"}', None])
def test_lost_passwords_are_made_again_as_long_as_nothing_was_opened_with_them(settings, content):
    path = settings.folder / "passwords.json"
    settings.folder.mkdir()
    if content is not None:
        path.write_text(content)
    passwords = read_passwords(settings.folder)
    assert set(passwords) == {"postgres", "mlflow", "prefect"}
    assert read_passwords(settings.folder) == passwords
    assert path.stat().st_mode & 0o777 == 0o600

    data = settings.folder / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("17")
    assert read_passwords(settings.folder) == passwords
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"passwords\.json .*put the file back"):
        read_passwords(settings.folder)


def test_the_parts_are_given_all_settings_and_each_secret_of_its_own(settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    environment = server_environment(settings, PROGRAM)
    assert environment["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{settings.mlflow_port}"
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert StackSettings().model_dump() == settings.model_dump()
    assert environment.items() >= settings.as_environment().items()
    assert settings.s3_secret_key.get_secret_value() not in repr(settings)
    assert set(procfile()) >= set(settings.ports)
