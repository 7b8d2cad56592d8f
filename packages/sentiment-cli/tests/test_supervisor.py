"""Starting, stopping and what is said where that fails, with real processes."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import server_environment, write_store_config
from sentiment_cli.stack.programs import Program
from sentiment_cli.stack.record import start_of_process, write_record
from sentiment_cli.stack.supervisor import check_ports, log_file, procfile, start, stop
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


def test_a_running_stack_is_stopped_politely_and_not_started_twice(settings):
    write_store_config(settings)
    write_record(settings, host="127.0.0.1", postgres=PROGRAM, store=PROGRAM)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = settings.folder / "stack.json"
    record = {"pid": process.pid, "started": start_of_process(process.pid)}
    path.write_text(json.dumps(json.loads(path.read_text()) | record))
    try:
        assert start(settings, lambda _message: None) is False
        assert stop(settings) is True
        assert process.wait() == -signal.SIGTERM
        assert stop(settings) is False
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


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
