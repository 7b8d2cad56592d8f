"""`sentiment-cli stack` as a user types it: start, use, stop, find again, back up, restore."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import httpx
import pytest

from sentiment_cli.stack.supervisor import check_ports
from tests.support import BIN, ROOT, eventually
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

    def cli(self, *arguments, exit_code=0):
        result = subprocess.run(
            [BIN / "sentiment-cli", *map(str, arguments)], cwd=self.root, env=self.environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert result.returncode == exit_code, result.stdout + result.stderr
        return result.stdout + result.stderr

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
    for name in ("params.yaml", "prefect.yaml"):
        shutil.copy(ROOT / name, root)
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
    started = project.cli("stack", "up")
    assert "The stack runs:" in started
    assert "sentiment-cli train --champion" in started
    project.use_another_shell()
    again = project.cli("stack", "up")
    assert "runs already" in again
    assert f"http://localhost:{project.settings.mlflow_port}" in again
    project.use_stack()
    project.cli("train", "--champion", "--samples", 300)
    versions = project.cli("list-versions", "--json")
    prediction = eventually(project.predict)
    checks = json.loads(project.cli("doctor", "--json"))
    assert {check["name"] for check in checks} >= {"stack: postgres", "stack: worker", "stack: api"}
    assert {check["status"] for check in checks} <= {"ok", "note"}
    assert not any(json.loads(project.cli("stack", "status", "--json")).values())

    project.cli("stack", "backup", "backup")
    assert "not empty" in project.cli("stack", "backup", "backup", exit_code=1)
    assert "stop it first" in project.cli("stack", "restore", "backup", "--yes", exit_code=1)
    project.cli("stack", "down")
    project.cli("stack", "status", exit_code=1)
    assert "is no backup" in project.cli("stack", "restore", "home", "--yes", exit_code=1)

    assert "sentiment-cli stack up" in project.cli("stack", "env", exit_code=1)

    # Elsewhere, from the backup alone: the same versions, the same predictions.
    project.use_home("elsewhere")
    project.cli("stack", "restore", "backup", "--yes")
    project.cli("stack", "up")
    project.use_stack()
    assert project.cli("list-versions", "--json") == versions
    assert eventually(project.predict) == prediction
    assert "A fine film" in project.cli("predict", "A fine film")

    # A supervisor that was killed leaves parts behind, which hold the ports.
    record = json.loads((project.settings.folder / "stack.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    assert "does not run" in project.cli("stack", "env", exit_code=1)
    assert "is stopped" in project.cli("stack", "down")
    check_ports(project.settings)
