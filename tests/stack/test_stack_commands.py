"""`sentiment-cli stack` as a user types it: start, use, stop, find again, back up, restore."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from sentiment_cli.stack.health import check_part
from sentiment_cli.stack.supervisor import check_ports
from tests.support import BIN, ROOT, eventually
from tests.support.projects import copy_choices
from tests.support.stack import as_variables, make_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


class Project:
    """A project folder with a stack of its own."""

    def __init__(self, root):
        self.root = root
        self.environment = os.environ | {"SENTIMENT_HOME": str(root / "home")}
        self.settings = self.use_home("stack")

    def use_home(self, name):
        """Point to another folder of state, on other ports."""
        self.settings = make_settings(self.root / name)
        self.environment |= as_variables(self.settings)
        return self.settings

    def popen(self, *arguments):
        return subprocess.Popen(
            [BIN / "sentiment-cli", *map(str, arguments)], cwd=self.root, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def cli(self, *arguments, exit_code=0):
        return self.end_of(self.popen(*arguments), exit_code=exit_code)

    def cli_at_once(self, *commands, exit_code=0):
        """Run commands that do not change anything beside each other; returns what they say."""
        processes = [self.popen(*command.split()) for command in commands]
        return [self.end_of(process, exit_code=exit_code) for process in processes]

    def end_of(self, process, *, exit_code=0):
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == exit_code, stdout + stderr
        return stdout if "--json" in process.args else stdout + stderr

    def cut_power(self):
        """End every process of the stack at once, wherever it is."""
        mark = str(self.settings.folder)
        killed = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if mark in process.environ().values() or mark in " ".join(process.cmdline()):
                    process.kill()
                    killed.append(process)
        psutil.wait_procs(killed, 30)

    def start_until(self, moment):
        """Start the stack, and cut the power at a moment."""
        starting = self.popen("stack", "up")
        eventually(lambda: moment() or starting.poll() is not None, 120)
        starting.kill()
        self.cut_power()
        starting.communicate()
        assert starting.returncode == -signal.SIGKILL  # it had not come to its end

    def use_stack(self):
        """Let every command of the project use the stack."""
        self.cli("stack", "env", "--write")

    def use_another_shell(self):
        """It knows the folder, and none of the ports."""
        for name in [name for name in self.environment if name.endswith("_PORT")]:
            del self.environment[name]

    def predict(self):
        answer = httpx.post(
            f"http://127.0.0.1:{self.settings.api_port}/predict", json={"text": "A fine film"}
        )
        return answer.json() if answer.is_success else None


@pytest.fixture
def project():
    root = Path(tempfile.mkdtemp(prefix="sentiment-project-"))
    root.chmod(0o755)
    shutil.copy(ROOT / "prefect.yaml", copy_choices(root))
    project = Project(root)
    try:
        yield project
    finally:
        project.cli("stack", "down")
        shutil.rmtree(root)


def test_a_taken_port_is_a_plain_error(project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", project.settings.s3_port))
        other.listen()
        text = project.cli("stack", "up", exit_code=1)
    assert f"Port {project.settings.s3_port} of s3 is taken" in text
    assert "STACK_S3_PORT" in text
    assert "Traceback" not in text
    assert "does not run" in project.cli("stack", "down")


def test_outside_of_the_project_it_says_where_to_go(project):
    (project.root / "prefect.yaml").unlink()
    assert "project's folder" in project.cli("stack", "up", exit_code=1)


def test_the_whole_life_of_a_stack(project):
    # Whatever a first start leaves behind, the next one makes good.
    folder = project.settings.folder
    project.start_until(lambda: any(folder.glob(".initdb-*/PG_VERSION")))
    assert not (folder / "postgres").exists()
    (folder / "passwords.json").write_text("")
    (folder / "postgres/base").mkdir(parents=True)
    project.start_until((folder / "postgres/PG_VERSION").exists)
    started = [project.popen("stack", "up") for _ in range(2)]
    texts = [project.end_of(process) for process in started]
    assert sorted("The stack runs already:" in text for text in texts) == [False, True]
    assert sorted("The stack runs:" in text for text in texts) == [False, True]
    assert all("sentiment-cli train --champion" in text for text in texts)
    assert (folder / "postgres.incomplete-1/base").is_dir()
    assert not list(folder.glob(".initdb-*"))
    project.use_another_shell()
    again = project.cli("stack", "up")
    assert "runs already" in again
    assert f"http://localhost:{project.settings.mlflow_port}" in again
    project.use_stack()
    project.cli("train", "--champion", "--samples", 300)
    versions, checks, status = project.cli_at_once(
        "list-versions --json", "doctor --json", "stack status --json"
    )
    prediction = eventually(project.predict)
    checks = json.loads(checks)
    assert {check["name"] for check in checks} >= {"stack: postgres", "stack: worker", "stack: api"}
    assert {check["status"] for check in checks} <= {"ok", "note"}
    assert not any(json.loads(status).values())

    project.cli("stack", "backup", "backup")
    assert "complete" in project.cli("backup", "list")
    again, running = project.cli_at_once(
        "stack backup backup", "stack restore backup --yes", exit_code=1
    )
    assert "exists already" in again
    assert "stop it first" in running
    project.cli("stack", "down")
    _status, other, env = project.cli_at_once(
        "stack status", "stack restore home --yes", "stack env", exit_code=1
    )
    assert "is no backup" in other
    assert "sentiment-cli stack up" in env

    # Elsewhere, from the backup alone: the same versions, the same predictions.
    project.use_home("elsewhere")
    project.cli("stack", "restore", "backup", "--yes")
    project.cli("stack", "up")
    project.use_stack()
    restored, predicted = project.cli_at_once("list-versions --json", "predict great")
    assert restored == versions
    assert eventually(project.predict) == prediction
    assert "great" in predicted

    # A supervisor that was killed leaves parts behind, which hold the ports.
    record = json.loads((project.settings.folder / "stack.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    assert "does not run" in project.cli("stack", "env", exit_code=1)
    assert "is stopped" in project.cli("stack", "down")
    check_ports(project.settings)


@pytest.mark.chaos
@pytest.mark.parametrize("part", ["postgres", "mlflow", "prefect"])
def test_a_first_start_that_ends_later_is_made_good_too(project, part):
    project.start_until(lambda: check_part(project.settings, part) is None)
    project.cli("stack", "up")
    assert not any(json.loads(project.cli("stack", "status", "--json")).values())
    project.cli("stack", "down")
