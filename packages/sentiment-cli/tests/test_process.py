"""The command line as its own process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


def run(*arguments, cwd=PROJECT, **environment):
    return subprocess.run(
        [str(Path(sys.executable).parent / "sentiment-cli"), *arguments],
        cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False,
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
     "stack status", "stack env", "stack backup", "stack restore"],
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
    (tmp_path / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    result = run("quickstart", cwd=tmp_path, **dict.fromkeys(variables, ""))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "Set as champion" in result.stdout
    assert "positive (0." in result.stdout
    assert "negative (0." in result.stdout
    assert {entry.name for entry in tmp_path.iterdir()} == {"params.yaml", ".sentiment", "data"}
