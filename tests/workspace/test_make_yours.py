"""The project under other names, in a temporary clone of it."""

import re
import subprocess
import sys

import pytest

from tests.support import ROOT
from tools.make_yours import Names, make_yours, present_names
from tools.workspace import ReleaseError, Workspace

pytestmark = pytest.mark.slow

# In two parts, so that the way back does not find it in this file.
NEW_MODEL = "mood" + "-9"


@pytest.fixture
def clone(tmp_path):
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    tracked = subprocess.run(
        ["git", "ls-files", "-mo", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:  # the tree under test, where it is ahead of its last commit
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    workspace = Workspace(root)
    workspace.git("add", "-A")
    return workspace


def run(workspace, *arguments, exit_code=0):
    result = subprocess.run(
        [sys.executable, "-m", "tools.make_yours", *arguments], cwd=workspace.root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == exit_code, result.stdout + result.stderr
    return result.stdout + result.stderr


def places(workspace, name):
    """Where a name stands, but for history and the lock."""
    result = subprocess.run(
        ["git", "grep", "-nIi", name, "--", ":!*CHANGELOG.md", ":!uv.lock"],
        cwd=workspace.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return result.stdout.splitlines()


def test_new_names_are_everywhere_and_the_old_ones_nowhere(clone):
    old = present_names(clone.root)
    said = run(
        clone, "--owner", "Acme-Films", "--team", "@Acme-Films/ml", "--model-name", NEW_MODEL
    )
    new = present_names(clone.root)
    assert new == Names("acme-films", "@Acme-Films/ml", NEW_MODEL)
    assert f"model name: {old.model_name} -> {NEW_MODEL}" in said
    assert "docker-compose.yml: 4" in said
    assert places(clone, old.model_name) == []
    assert places(clone, old.team) == []
    owner_in_a_name = rf"(ghcr\.io|github\.com|codecov\.io/gh)/[^ ]*{re.escape(old.owner)}[/}}]"
    assert [line for line in places(clone, old.owner) if re.search(owner_in_a_name, line)] == []
    # A second time there is nothing to do, and the way back leads to where it began.
    run(clone, "--owner", "Acme-Films", "--team", "@Acme-Films/ml", "--model-name", NEW_MODEL)
    run(clone, "--owner", old.owner, "--team", old.team, "--model-name", old.model_name)
    assert clone.git("diff", "--stat") == ""


def test_the_second_run_does_nothing(clone):
    run(clone, "--owner", "acme", "--model-name", "mood")
    clone.git("add", "-A")
    assert "Nothing to do" in run(clone, "--owner", "acme", "--model-name", "mood")
    assert clone.git("diff", "--stat") == ""
    assert present_names(clone.root).team == "@acme"


def test_a_dry_run_writes_nothing(clone):
    said = run(clone, "--model-name", "mood", "--dry-run")
    assert "registry_names.py: 1" in said
    assert "Nothing was written" in said
    assert clone.git("diff", "--stat") == ""


def test_the_tests_of_the_workspace_pass_under_other_names(clone):
    run(clone, "--owner", "acme", "--model-name", "movie-mood")
    tests = ["tests/workspace/test_workspace.py", "packages/sentiment-core/tests/test_cleaning.py"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=clone.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--owner", "-acme"), ("--owner", "a--b"), ("--owner", "acme/x"), ("--owner", "x" * 40),
        ("--team", "acme"), ("--team", "@acme/"), ("--model-name", "a/b"),
        ("--model-name", "a:b"), ("--model-name", "mood."), ("--model-name", "two words"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(clone, option, value):
    said = run(clone, f"{option}={value}", exit_code=1)
    assert said.startswith(f"Error: {option} {value!r} is not valid: ")
    assert "Traceback" not in said
    assert clone.git("diff", "--stat") == ""


def test_nothing_named_is_an_error_with_the_options(clone):
    assert "--owner, --team or --model-name" in run(clone, exit_code=2)


def test_a_name_within_a_longer_one_is_another_name(clone):
    old = present_names(clone.root)
    file = clone.root / "note.md"
    file.write_text(f"{old.model_name}-2 my-{old.model_name} {old.model_name}.\n")
    clone.git("add", "-A")
    make_yours(clone, Names(old.owner, old.team, "mood"))
    assert file.read_text() == f"{old.model_name}-2 my-{old.model_name} mood.\n"


def test_a_defining_file_that_says_nothing_is_named(clone):
    (clone.root / ".github/CODEOWNERS").write_text("# nobody\n")
    with pytest.raises(ReleaseError, match="CODEOWNERS"):
        present_names(clone.root)
