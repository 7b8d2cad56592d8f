"""The command line as its own process."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.projects import CHOICES, copy_choices


def run(*arguments, cwd=ROOT, stdin=subprocess.DEVNULL, **environment):
    return subprocess.run(
        [str(Path(sys.executable).parent / "sentiment-cli"), *arguments],
        cwd=cwd, stdin=stdin, env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_help_teaches_and_imports_no_heavy_library():
    result = run("--help")
    assert result.returncode == 0
    assert "quickstart" in result.stdout
    code = (
        "import sys; from sentiment_cli.app import app\n"
        "heavy = {'mlflow', 'prefect', 'pandas', 'sklearn', 'numpy', 'pydantic', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert imported.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    ["quickstart", "train", "prepare-data", "predict", "model-info", "list-versions", "compare",
     "set-alias", "delete-alias", "rollback", "doctor", "reproduce", "export-champion",
     "init-storage", "backup-storage", "restore-storage", "stack up", "stack down",
     "stack status", "stack env", "stack backup", "stack restore", "backup create",
     "backup restore", "backup list", "backup verify", "init-registry", "secrets init",
     "secrets show"],
)  # fmt: skip
def test_every_command_explains_itself_and_has_json(command):
    result = run(*command.split(), "--help", COLUMNS="200")
    assert result.returncode == 0
    assert "--json" in result.stdout


def test_the_version_is_printed():
    assert run("--version").stdout.startswith("sentiment-cli ")


@pytest.mark.slow
def test_the_first_command_works_without_any_server(tmp_path):
    variables = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "SENTIMENT_HOME", "PREFECT_HOME")
    copy_choices(tmp_path)
    result = run("quickstart", cwd=tmp_path, **dict.fromkeys(variables, ""))
    assert result.returncode == 0, result.stderr
    # Nothing but signs of life, on a slow machine.
    assert all(line.startswith("Training") for line in result.stderr.splitlines())
    assert "Set as champion" in result.stdout
    assert "positive (0." in result.stdout
    assert "negative (" in result.stdout
    assert {entry.name for entry in tmp_path.iterdir()} == {
        *CHOICES, ".sentiment", "data",
    }  # fmt: skip

    environment = os.environ | dict.fromkeys(variables, "")
    command = [str(Path(sys.executable).parent / "sentiment-cli"), "predict"]
    (tmp_path / "many.txt").write_text("a fine film\n" * 100_000)
    with (tmp_path / "errors.txt").open("wb") as errors:
        many = subprocess.Popen(
            [*command, "--file", "many.txt"], cwd=tmp_path, env=environment,
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        assert many.stdout.readline().startswith(b"positive (0.")
        many.stdout.close()  # as `head` does
        many.wait()
    assert (tmp_path / "errors.txt").read_bytes() == b""


def test_a_terminal_without_a_review_is_told_how_to_give_one():
    terminal, stdin = pty.openpty()
    try:
        result = run("predict", COLUMNS="200", stdin=stdin)
    finally:
        os.close(terminal)
        os.close(stdin)
    assert result.returncode == 2
    assert "Name a review, or a file with --file, or pipe reviews in" in result.stderr


def test_a_faulty_data_file_is_told_before_any_server_starts(tmp_path):
    variables = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "SENTIMENT_HOME", "PREFECT_HOME")
    copy_choices(tmp_path)
    (tmp_path / "bad.csv").write_text("review;sentiment\nso, so;negative\ngood;positive\n")
    result = run("train", "--data-path", "bad.csv", cwd=tmp_path, **dict.fromkeys(variables, ""))
    assert (result.returncode, result.stdout) == (1, "")
    assert "its column 'review' holds the texts and 'sentiment' the labels" in result.stderr
    assert "add --text-column review --label-column sentiment --negative negative" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / ".sentiment/prefect").exists()
