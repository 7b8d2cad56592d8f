"""The git hooks, in a clone, for somebody who has no environment active."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support import BIN, ROOT


@pytest.fixture
def commit(tmp_path):
    """A clone with its hooks, and a commit in it whose PATH has only what a system has."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    for name in (".pre-commit-config.yaml", "sentiment", "tools/locked", "pyproject.toml",
                 "uv.lock"):  # fmt: skip
        shutil.copy(ROOT / name, clone / name)  # as under test, where it is ahead of the commit
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"], cwd=clone, check=True, capture_output=True
    )
    folders = [path for path in os.environ["PATH"].split(os.pathsep) if path != str(BIN)]
    environment = {name: os.environ[name] for name in os.environ if name != "VIRTUAL_ENV"} | {
        "PATH": os.pathsep.join(folders),
        "UV_PROJECT_ENVIRONMENT": sys.prefix,  # it holds the linters: nothing is fetched
        "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.org",
    }  # fmt: skip
    assert shutil.which("ruff", path=environment["PATH"]) is None

    def commit(message):
        subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
        result = subprocess.run(
            ["git", "commit", "-m", message], cwd=clone, env=environment, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        return result.returncode, result.stdout + result.stderr

    commit.clone = clone
    return commit


def test_a_good_commit_passes_and_a_bad_one_does_not(commit):
    (commit.clone / "tools" / "extra.py").write_text('"""Extra."""\n\nNUMBER = 1\n')
    code, text = commit("not conventional")
    assert code != 0
    assert "commit message" in text
    assert "Executable" not in text
    code, text = commit("feat: a number")
    assert code == 0, text
    (commit.clone / "tools" / "extra.py").write_text('"""Extra."""\n\nimport os\n')
    (commit.clone / "services" / "prefect" / "start").write_text("#!/bin/sh\ncd $1\n")
    code, text = commit("feat: an import")
    assert code != 0
    assert "F401" in text or "files were modified by this hook" in text
    assert "SC2086" in text
