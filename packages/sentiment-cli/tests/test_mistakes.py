"""A user's mistakes as the user makes them, each in a process of its own or in a fresh folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment_cli.app import app

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own warnings

BIN = Path(sys.executable).parent
NO_KEYS = {
    "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_CONFIG_FILE": "/none",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
    "AWS_PROFILE": "",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A folder with the parameters of the project, and nothing else."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[3] / "params.yaml", folder)
    return folder


def run(folder, *arguments, prefix=(), **environment):
    settings = {"MLFLOW_TRACKING_URI": "", "PREFECT_API_URL": "", "SENTIMENT_HOME": ""}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STACK_")}
    return subprocess.run(
        [*prefix, str(BIN / "sentiment-cli"), *arguments], cwd=folder, text=True,
        env=kept | settings | environment, capture_output=True, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip


@pytest.fixture
def as_somebody_without_rights(folder):
    """The folder is read-only, also for root: its capability to write anywhere is dropped."""
    folder.chmod(0o555)
    setpriv = shutil.which("setpriv")
    prefix = []
    if os.geteuid() == 0:
        assert setpriv, "the test needs setpriv (util-linux) where it runs as root"
        prefix = [setpriv, "--bounding-set=-all", "--inh-caps=-all"]
    refused = subprocess.run([*prefix, "touch", folder / "x"], capture_output=True, check=False)
    assert refused.returncode != 0
    yield prefix
    folder.chmod(0o755)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("list-versions", "SENTIMENT_HOME"),
        ("train", "SENTIMENT_HOME"),
        ("predict x", "SENTIMENT_HOME"),
        ("model-info", "SENTIMENT_HOME"),
        ("prepare-data", "SENTIMENT_HOME"),
        ("stack up", "STACK_HOME"),
        ("stack env", "sentiment-cli stack up"),
        ("stack backup x", "sentiment-cli stack up"),
    ],
)
def test_in_a_read_only_folder_the_error_names_folder_and_remedy(
    folder, as_somebody_without_rights, command, remedy
):
    folder.chmod(0o755)
    (folder / "prefect.yaml").touch()  # which `stack up` asks for first
    folder.chmod(0o555)
    result = run(folder, *command.split(), prefix=as_somebody_without_rights)
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("Error: ")
    assert remedy in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_in_a_read_only_folder_the_doctor_reports_all_it_can(folder, as_somebody_without_rights):
    result = run(folder, "doctor", prefix=as_somebody_without_rights)
    assert result.returncode == 1
    assert f"✗ state folder: {folder}/.sentiment cannot be written to" in result.stdout
    assert "SENTIMENT_HOME" in result.stdout
    assert "✓ parameters" in result.stdout
    assert "Prefect" in result.stdout
    assert result.stderr == ""


def test_a_read_only_registry_is_listed(folder, as_somebody_without_rights):
    folder.chmod(0o755)
    made = run(folder, "list-versions")
    assert made.returncode == 0, made.stderr
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & 0o555)
    result = run(folder, "list-versions", prefix=as_somebody_without_rights)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    assert result.returncode == 0, result.stderr
    assert "has no versions yet" in result.stdout


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "There are no keys for http://127.0.0.1:9"),
        ({"AWS_ACCESS_KEY_ID": "half"}, "There is half a key for http://127.0.0.1:9"),
        ({"AWS_PROFILE": "nobody"}, "correct AWS_PROFILE"),
    ],
    ids=["absent", "half", "unknown-profile"],
)
@pytest.mark.parametrize(
    "command", ["init-storage", "backup-storage copy", "restore-storage copy --yes", "doctor"]
)
def test_missing_keys_are_the_same_error_everywhere(folder, command, keys, message):
    (folder / "copy/data").mkdir(parents=True)
    environment = {**NO_KEYS, "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9", **keys}
    environment = {name: value for name, value in environment.items() if value}
    result = run(
        folder, *command.split(),
        prefix=["env", "-u", "AWS_PROFILE", "-u", "AWS_ACCESS_KEY_ID",
                "-u", "AWS_SECRET_ACCESS_KEY", *(f"{k}={v}" for k, v in environment.items())],
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert message in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["doctor", "doctor --json", "list-versions --help"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(folder, command):
    line = f"PATH={BIN}:$PATH; exec 3>&1; {{ sentiment-cli {command}; }} 2>&1 >&4 4>&- | cat >&3"
    script = f"exec 4> >(exit 0); sleep 0.2; {line}"
    result = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"MLFLOW_TRACKING_URI": "", "PREFECT_API_URL": ""},
    )  # fmt: skip
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["stack restore copy", "restore-storage copy"])
def test_where_nobody_can_answer_a_question_is_an_error(folder, command):
    for name in ("copy/buckets", "copy/data"):
        (folder / name).mkdir(parents=True)
    for name in ("mlflow.dump", "prefect.dump"):
        (folder / "copy" / name).touch()
    result = run(folder, *command.split(), "--json")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "say yes with --yes" in result.stderr


def test_a_question_is_asked_on_stderr(folder):
    """In a real terminal, with standard output in a file as a script has it."""
    (folder / "copy/data").mkdir(parents=True)
    script = f"{BIN}/sentiment-cli restore-storage copy --json >out.json"
    result = subprocess.run(
        ["script", "-qec", script, "/dev/null"], cwd=folder, input="n\n", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert "[y/N]" in result.stdout
    assert "Aborted" in result.stdout
    assert (folder / "out.json").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "environment", "exit_code", "parts"),
    [
        ("stack env", {"STACK_API_PORT": "abc"}, 1, ["STACK_API_PORT=abc", ".env"]),
        ("stack env", {"STACK_API_PORT": "99999"}, 1, ["STACK_API_PORT=99999", "65535"]),
        ("stack backup new", {}, 1, ["does not answer", "sentiment-cli stack up"]),
        ("stack restore none --yes", {}, 1, ["none is no backup", "sentiment-cli stack backup"]),
        ("stack down", {}, 0, ["does not run"]),
        ("restore-storage none --yes", {}, 1, ["none", "backup-storage"]),
        ("backup-storage params.yaml", {}, 1, ["params.yaml", "folder"]),
        ("export-champion", {}, 2, ["--to", "MODEL_EXPORT_URI"]),
        ("export-champion --to ftp://x", {}, 1, ["ftp://x", "s3://"]),
        ("export-champion --to out", {}, 1, ["no champion", "sentiment-cli train --champion"]),
        ("model-info", {}, 1, ["champion", "sentiment-cli"]),
        ("compare 1 2", {}, 1, ["'1'", "sentiment-cli list-versions"]),
        ("set-alias --version 4 --alias x", {}, 1, ["'4'", "sentiment-cli list-versions"]),
        ("delete-alias --alias none", {}, 1, ["none"]),
        ("rollback", {}, 1, ["previous"]),
        ("reproduce 9", {}, 1, ["'9'", "sentiment-cli list-versions"]),
        ("doctor --params none.yaml", {}, 1, ["none.yaml"]),
        ("nonsense", {}, 2, ["nonsense", "-h"]),
        ("stack nonsense", {}, 2, ["nonsense", "-h"]),
        ("train --nonsense", {}, 2, ["--nonsense", "-h"]),
        ("list-versions", {"MLFLOW_TRACKING_URI": "nonsense://x"}, 1,
         ["MLFLOW_TRACKING_URI=nonsense://x"]),
    ],
)  # fmt: skip
def test_every_message_says_what_and_which_and_what_next(
    folder, monkeypatch, settings, arguments, environment, exit_code, parts
):
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("STACK_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == exit_code, result.output
    text = " ".join(result.output.replace("│", " ").split())
    assert [part for part in parts if part not in text] == []
    assert result.exception is None or isinstance(result.exception, SystemExit)
