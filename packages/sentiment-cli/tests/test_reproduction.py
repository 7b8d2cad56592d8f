"""Which commands bring the data of a version back: each is printed only where it can work."""

import hashlib
import os
import subprocess

import pytest

from sentiment_cli.reproduction import _data_commands
from sentiment_core.store_settings import StoreSettings

CONTENT = b"text,label\ngood,1\nbad,0\n"
MD5 = hashlib.md5(CONTENT).hexdigest()
PATH = "data/reviews.csv"
PULL, CHECKOUT = f"dvc pull -r shared {PATH}", f"dvc checkout {PATH}"
PREPARE = f"sentiment-cli prepare-data --force --params reproduced.yaml --output {PATH}"


@pytest.fixture
def project(tmp_path):
    """A repository with DVC's files, and a folder as its remote."""
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    config = "[core]\n    remote = shared\n['remote \"shared\"']\n    url = ../../shared\n"
    (project / ".dvc/config").write_text(config)
    git(project, "init", "-q")
    return project


def git(project, *arguments):
    author = {
        f"GIT_{role}_{key}": "a@b.org" for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }  # fmt: skip
    return subprocess.run(
        ["git", *arguments], cwd=project, env=os.environ | author, check=True,
        capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def track(project, how):
    """Commit what DVC writes for an output of a stage, or for `dvc add`."""
    if how == "stage":
        text = f"stages:\n  prepare:\n    outs:\n    - path: {PATH}\n      md5: {MD5}\n"
        (project / "dvc.lock").write_text(text)
    elif how == "added":
        (project / "data").mkdir()
        (project / f"{PATH}.dvc").write_text(f"outs:\n- md5: {MD5}\n  path: reviews.csv\n")
    elif how == "other bytes":
        text = f"stages:\n  prepare:\n    outs:\n    - path: {PATH}\n      md5: {'0' * 32}\n"
        (project / "dvc.lock").write_text(text)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "data")
    return git(project, "rev-parse", "HEAD")


def put(folder):
    target = folder / MD5[:2] / MD5[2:]
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT)


@pytest.mark.parametrize(
    ("tracked", "places", "source", "commands"),
    [
        ("stage", ["remote", "cache"], "csv", (PULL,)),
        ("added", ["remote"], "csv", (PULL,)),
        ("stage", ["cache"], "package", (CHECKOUT,)),
        ("stage", [], "package", (PREPARE,)),
        ("other bytes", ["remote", "cache"], "package", (PREPARE,)),
        ("nothing", ["remote"], "stanford", (PREPARE,)),
        ("nothing", ["remote", "cache"], "csv", ()),
    ],
)
def test_data_is_pulled_only_where_dvc_tracks_it_and_has_it(
    project, tracked, places, source, commands
):
    commit = track(project, tracked)
    if "remote" in places:
        put(project.parent / "shared/files/md5")
    if "cache" in places:
        put(project / ".dvc/cache/files/md5")
    found, notes = _data_commands(project, commit, PATH, MD5, source, StoreSettings())
    assert found == commands
    assert bool(notes) is not bool(commands)


def test_data_that_only_lies_here_is_said_to(project):
    commit = track(project, "nothing")
    (project / "data").mkdir(exist_ok=True)
    (project / PATH).write_bytes(CONTENT)
    assert _data_commands(project, commit, PATH, MD5, "csv", StoreSettings()) == (
        (), (f"The data is in {PATH}; DVC has no copy of it.",)
    )  # fmt: skip


def test_a_remote_that_does_not_answer_is_no_place_to_pull_from(project):
    config = project / ".dvc/config"
    text = config.read_text().replace("../../shared", "s3://data")
    config.write_text(text + "    endpointurl = http://127.0.0.1:9\n")
    commit = track(project, "stage")
    found, (note,) = _data_commands(project, commit, PATH, MD5, "csv", StoreSettings())
    assert found == ()
    assert "none in its remote shared" in note
