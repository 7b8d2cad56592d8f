"""A user's mistakes as the user makes them, each in a process of its own or in a fresh folder."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment_cli.app import app
from sentiment_cli.backup.folder import manifest_digest
from sentiment_cli.backup.manifest import Manifest, SavedBucket
from sentiment_cli.buckets import make_buckets
from sentiment_core.s3_store import S3Store
from tests.support.moto_store import moto_store
from tests.support.projects import copy_choices

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
    return copy_choices(folder)


def make_empty_backup(path):
    """What a backup of an empty bucket is."""
    path.mkdir()
    manifest = Manifest(
        tool_version="0", made_at=datetime.now(UTC), postgres_major=None, databases=[],
        buckets=[SavedBucket(name="data", objects=[])],
    )  # fmt: skip
    content = manifest.model_dump_json().encode()
    (path / "manifest.json").write_bytes(content)
    (path / "manifest.sha256").write_bytes(manifest_digest(content))


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
    if command.startswith("restore"):
        make_empty_backup(folder / "copy")
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


@pytest.mark.parametrize(
    "command", ["stack restore copy", "restore-storage copy", "backup restore copy"]
)
def test_where_nobody_can_answer_a_question_is_an_error(folder, command):
    make_empty_backup(folder / "copy")
    result = run(folder, *command.split(), "--json")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "say yes with --yes" in result.stderr


@pytest.fixture
def store():
    """An S3 server, whose bucket has an object that no backup has; gives the environment."""
    with moto_store() as (settings, environment):
        make_buckets(settings)
        S3Store("s3://data", settings).put("precious", b"content")
        yield environment, S3Store("s3://data", settings)


def test_a_question_is_asked_on_stderr(folder, store):
    """In a real terminal, with standard output in a file as a script has it."""
    environment, bucket = store
    make_empty_backup(folder / "copy")
    script = f"{BIN}/sentiment-cli restore-storage copy --json >out.json"
    result = subprocess.run(
        ["script", "-qec", script, "/dev/null"], cwd=folder, input="n\n", text=True,
        capture_output=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert "1 deleted" in result.stdout
    assert "[y/N]" in result.stdout
    assert "Aborted" in result.stdout
    assert (folder / "out.json").read_text() == ""
    assert bucket.get("precious") == b"content"


def test_a_backup_of_buckets_from_the_first_command_to_the_last(folder, store):
    environment, bucket = store
    made = json.loads(run(folder, "backup-storage", "made", "--json", **environment).stdout)
    assert (made["objects"], made["databases"], made["size"]) == (1, [], 7)
    assert "1 objects" in run(folder, "backup", "verify", "made").stdout
    listed = json.loads(run(folder, "backup", "list", "--json").stdout)
    assert [(item["name"], item["state"], item["objects"]) for item in listed] == [
        ("made", "complete", 1)
    ]
    bucket.put("precious", b"changed")
    bucket.put("new", b"new")
    planned = run(folder, "restore-storage", "made", "--dry-run", "--json", **environment)
    (data,) = [item for item in json.loads(planned.stdout)["buckets"] if item["name"] == "data"]
    assert (data["replace"], data["delete"]) == (["precious"], ["new"])
    assert bucket.get("precious") == b"changed"
    restored = run(folder, "restore-storage", "made", "--yes", **environment)
    assert restored.returncode == 0, restored.stderr
    assert "1 objects are back." in restored.stdout
    assert [item.key for item in bucket.list()] == ["precious"]
    assert bucket.get("precious") == b"content"
    (folder / "made/manifest.sha256").unlink()
    assert run(folder, "backup", "verify", "made").returncode == 1
    assert "damaged" in run(folder, "backup", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "exit_code", "parts"),
    [
        ("stack env", {"STACK_API_PORT": "abc"}, 1, ["STACK_API_PORT=abc", ".env"]),
        ("stack env", {"STACK_API_PORT": "99999"}, 1, ["STACK_API_PORT=99999", "65535"]),
        ("stack backup new", {}, 1, ["does not answer", "sentiment-cli stack up"]),
        ("stack restore none --yes", {}, 1, ["none is no backup", "sentiment-cli stack backup"]),
        ("stack restore x.partial --yes", {}, 1, ["x.partial is no backup yet", "interrupted"]),
        ("backup verify none", {}, 1, ["none is no backup", "sentiment-cli backup list"]),
        ("backup list none", {}, 1, ["none is no folder"]),
        ("backup list", {}, 0, ["There is no backup in ."]),
        ("backup create x", {}, 1, ["PGHOST", "sentiment-cli stack backup"]),
        ("backup create x", {"PGHOST": "127.0.0.1", "PGPORT": "9"}, 3, ["127.0.0.1:9"]),
        ("stack down", {}, 0, ["does not run"]),
        ("restore-storage none --yes", {}, 1, ["none", "backup-storage"]),
        ("backup-storage params.yaml", {}, 1, ["params.yaml", "exists already"]),
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
