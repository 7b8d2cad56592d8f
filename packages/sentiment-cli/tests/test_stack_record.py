"""What the folder of a stack remembers, with real processes and real files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment_cli.app import app
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import write_store_config
from sentiment_cli.stack.programs import Program
from sentiment_cli.stack.record import (
    read_record,
    remembered_settings,
    running_record,
    start_of_process,
    write_record,
)
from sentiment_cli.stack.supervisor import end_leftovers
from sentiment_core.errors import InvalidError

PORTS = {"api_port": 18001, "mlflow_port": 18002, "s3_port": 18003}
POSTGRES = Program("/opt/pg/bin", "PostgreSQL 17.5", "PATH")
STORE = Program("/opt/weed", "SeaweedFS 4.48", "PATH")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project folder whose shell says nothing about the stack."""
    for name in [name for name in os.environ if name.startswith("STACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".sentiment/stack"


@pytest.fixture
def running(folder):
    """A stack that this process seems to run, with ports and keys of its own."""
    settings = StackSettings(**PORTS, s3_access_key="mine", s3_secret_key="hidden")
    write_store_config(settings)
    write_record(settings, host="127.0.0.1", postgres=POSTGRES, store=STORE)
    return settings


def stop(folder):
    """As after SIGKILL: the record names a process that is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    change_record(folder, pid=gone.pid)


def change_record(folder, **changes):
    path = folder / "stack.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_before_the_first_start_the_settings_are_those_of_the_shell(folder):
    assert remembered_settings(StackSettings()) == (StackSettings(), [])
    assert running_record(StackSettings()) is None


def test_another_shell_uses_what_the_running_stack_was_started_with(running):
    settings, contradictions = remembered_settings(StackSettings())
    assert settings.ports == running.ports
    assert (settings.s3_access_key, settings.s3_secret_key.get_secret_value()) == ("mine", "hidden")
    assert contradictions == []


def test_the_record_names_the_keys_by_their_file_only(running, folder):
    assert "hidden" not in (folder / "stack.json").read_text()
    assert (folder / "s3.json").stat().st_mode & 0o777 == 0o600
    assert read_record(folder).postgres == POSTGRES


def test_a_variable_that_contradicts_the_running_stack_is_told(running, monkeypatch):
    monkeypatch.setenv("STACK_MLFLOW_PORT", "5001")
    monkeypatch.setenv("STACK_API_PORT", "18001")
    monkeypatch.setenv("STACK_S3_SECRET_KEY", "other-secret")
    settings, contradictions = remembered_settings(StackSettings())
    assert settings.mlflow_port == 18002
    assert contradictions == [
        "STACK_MLFLOW_PORT is 5001, but the running stack uses 18002",
        "STACK_S3_SECRET_KEY is another key than the running stack's",
    ]


def test_a_stopped_stack_starts_on_its_former_ports_unless_told_otherwise(
    running, folder, monkeypatch
):
    stop(folder)
    monkeypatch.setenv("STACK_API_PORT", "18009")
    settings, contradictions = remembered_settings(StackSettings())
    assert (settings.api_port, settings.mlflow_port) == (18009, 18002)
    assert settings.s3_access_key == "mine"
    assert contradictions == []


def test_a_number_that_another_process_has_by_now_is_no_running_stack(running, folder):
    assert running_record(running) is not None
    change_record(folder, started="1")
    assert running_record(running) is None


def test_a_process_that_ended_and_was_not_waited_for_does_not_run():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert start_of_process(process.pid) is not None
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_of_process(process.pid) is None
    process.wait()


def test_a_damaged_record_is_a_plain_error(running, folder):
    (folder / "stack.json").write_text('{"pid": 1')
    with pytest.raises(InvalidError, match=r"stack\.json is not a record of the stack .*delete it"):
        remembered_settings(StackSettings())


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not tell")
def test_parts_whose_supervisor_was_killed_are_ended(folder):
    settings = StackSettings()
    ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    part = subprocess.Popen(
        [sys.executable, "-c", f"{ignoring}; time.sleep(600)"], stdout=subprocess.PIPE,
        env=os.environ | {"STACK_SUPERVISED": str(settings.folder)},
    )  # fmt: skip
    other = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=os.environ | {"STACK_SUPERVISED": f"{settings.folder}-other"},
    )
    try:
        part.stdout.readline()
        assert end_leftovers(settings, patience_seconds=0.2) is True
        assert part.wait() == -signal.SIGKILL
        assert other.poll() is None
        assert end_leftovers(settings) is False
    finally:
        part.kill()
        part.stdout.close()
        other.kill()
        other.wait()


def cli(*arguments, exit_code=0):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == exit_code, result.output
    return result


def test_without_a_stack_there_is_no_environment_to_print(folder):
    result = cli("stack", "env", exit_code=1)
    assert result.stdout == ""
    assert "does not run: start it with `sentiment-cli stack up`" in result.stderr
    assert "sentiment-cli stack up" in cli("stack", "status", exit_code=1).stderr


def test_starting_a_running_stack_on_other_ports_is_an_error(running, monkeypatch):
    monkeypatch.setenv("STACK_API_PORT", "18009")
    result = cli("stack", "up", exit_code=1)
    assert "STACK_API_PORT is 18009, but the running stack uses 18001" in result.stderr
    assert "sentiment-cli stack down" in result.stderr
    result = cli("stack", "env")
    assert "MLFLOW_TRACKING_URI=http://127.0.0.1:18002" in result.stdout
    assert "Note: STACK_API_PORT is 18009" in result.stderr


def test_the_environment_is_written_once_however_often(running, tmp_path):
    (tmp_path / ".env").write_text(
        "# mine\nMODEL_NAME=other\nMLFLOW_TRACKING_URI=http://old\nexport PREFECT_API_URL=old\n"
        "MLFLOW_TRACKING_URI=http://older\n"
    )
    for _ in range(2):
        cli("stack", "env", "--write")
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:3] == [
        "# mine", "MODEL_NAME=other", "MLFLOW_TRACKING_URI=http://127.0.0.1:18002"
    ]  # fmt: skip
    names = [line.partition("=")[0] for line in lines]
    assert len(names) == len(set(names))
    assert set(cli("stack", "env").stdout.splitlines()) <= set(lines)


def test_dvcs_remote_is_pointed_to_the_store_and_keeps_what_else_it_has(running, tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(
        "[core]\n    remote = data\n['remote \"data\"']\n    url = s3://data/here\n"
    )
    local = tmp_path / ".dvc/config.local"
    local.write_text("['remote \"data\"']\n    verify = true\n    endpointurl = http://old\n")
    assert "stack env --write" in cli("stack", "env").stderr
    assert "its remote data" in cli("stack", "env", "--write").stdout
    assert local.stat().st_mode & 0o777 == 0o600
    dvc = [str(Path(sys.executable).parent / "dvc"), "config", "--local"]
    answers = {
        option: subprocess.run(
            [*dvc, f"remote.data.{option}"], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        ).stdout.strip()
        for option in ("verify", "endpointurl", "secret_access_key")
    }  # fmt: skip
    assert answers == {
        "verify": "true",
        "endpointurl": "http://127.0.0.1:18003",
        "secret_access_key": "hidden",  # pragma: allowlist secret
    }
