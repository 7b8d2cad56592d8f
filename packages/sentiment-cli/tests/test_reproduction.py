"""How a version is made again: commands that can work, and a repetition in a clone of its own."""

import hashlib
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from sentiment_cli.reproduction import Recipe, _data_commands, find_recipe, params_as_yaml, verify
from sentiment_core.errors import NotFoundError, RunError
from sentiment_core.params import load_params
from sentiment_core.store_settings import StoreSettings
from sentiment_train.registry.versions import RunRecord, VersionInfo

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


VERSION = VersionInfo("7", (), 0, "run", "source", {"scorer.sha256": "of the version"})
NO_PARAMS = load_params(Path(__file__).parents[3] / "params.yaml")


def registry_with(more_params=None, **tags):
    """A registry whose version has a run with these tags."""
    params = {
        f"{section}.{name}": str(value)
        for section, values in NO_PARAMS.model_dump().items()
        for name, value in values.items()
    }
    params |= more_params or {}
    record = RunRecord(metrics={}, params=params, tags=tags, test_digest=None)
    return SimpleNamespace(run_record=lambda _info: record)


@pytest.mark.parametrize("missing", ["git.commit", "data.md5"])
def test_a_run_that_does_not_say_what_it_was_made_from_is_no_recipe(project, missing):
    tags = {"git.commit": "abc", "data.md5": MD5, "data.path": PATH}
    del tags[missing]
    with pytest.raises(NotFoundError, match="version 7 does not tell its commit and data"):
        find_recipe(registry_with(**tags), VERSION, project, StoreSettings())


def test_a_recipe_has_the_commit_the_data_and_the_parameters_of_the_run(project):
    commit = track(project, "stage")
    tags = {"git.commit": commit, "data.md5": MD5, "data.path": PATH, "git.dirty": "true"}
    recipe = find_recipe(registry_with(**tags), VERSION, project, StoreSettings())
    assert recipe.commands[1] == f"git checkout {commit}"
    assert recipe.commands[-1] == f"sentiment-cli train --data-path {PATH} --params reproduced.yaml"
    assert recipe.dirty
    assert yaml.safe_load(params_as_yaml(recipe)) == NO_PARAMS.model_dump(mode="json")


def test_a_recipe_outlives_the_parameters_that_the_code_has_now(project):
    """The code of its own commit judges them."""
    tags = {"git.commit": track(project, "stage"), "data.md5": MD5, "data.path": PATH}
    registry = registry_with({"model.gone": "[1, 2]"}, **tags)
    recipe = find_recipe(registry, VERSION, project, StoreSettings())
    assert yaml.safe_load(params_as_yaml(recipe))["model"]["gone"] == [1, 2]


def test_reviews_without_labels_are_named_with_their_checksum(project):
    tags = {"git.commit": track(project, "stage"), "data.md5": MD5, "data.path": PATH}
    tags |= {f"data.unlabelled.{name}": name for name in ("source", "rows", "sha256")}
    recipe = find_recipe(registry_with(**tags), VERSION, project, StoreSettings())
    assert "rows reviews without labels of source (SHA-256 sha256)" in recipe.notes[-1]


STUB = """#!/bin/sh
echo "$MLFLOW_TRACKING_URI|$SENTIMENT_HOME|$*" >> {log}
[ "$6" = train ] || exit 0
[ -f params.yaml ] && [ -f "$8" ] || {{ echo 'no file' >&2; exit 1; }}
echo '{{"scorer_digest": "{digest}"}}'
"""


@pytest.fixture
def repeat(project, tmp_path, monkeypatch):
    """Verify a version whose training is a stub that says which model comes out."""

    def repeat(commit, *, source="csv", digest="same", unlabelled=None):
        (tmp_path / "bin").mkdir(exist_ok=True)
        log = tmp_path / "calls.txt"
        (tmp_path / "bin/uv").write_text(STUB.format(log=log, digest=digest))
        (tmp_path / "bin/uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://must-not-be-touched")
        params = NO_PARAMS.model_dump(mode="json")
        params["data"] |= {"source": source, "unlabelled": unlabelled}
        recipe = Recipe("7", commit, False, PATH, MD5, params, "same", ())
        steps = []
        result = verify(recipe, project, steps.append)
        assert steps == ["cloning the commit", "fetching the data", "training"]
        return result, log.read_text().splitlines()

    return repeat


@pytest.mark.parametrize("place", [PATH, f".dvc/cache/files/md5/{MD5[:2]}/{MD5[2:]}"])
def test_a_version_is_made_again_apart_from_everything_here(project, repeat, place):
    commit = track(project, "stage")
    (project / place).parent.mkdir(parents=True, exist_ok=True)
    (project / place).write_bytes(CONTENT)
    result, (call,) = repeat(commit)
    assert result.identical
    servers, home, arguments = call.split("|")
    assert servers == ""
    assert not home.startswith(str(project))
    assert arguments.startswith("run -q --frozen --no-dev sentiment-cli train --data-path ")
    assert arguments.endswith(f"{PATH} --no-register --json")


def test_texts_that_lie_here_are_named_to_the_clone(project, repeat):
    commit = track(project, "stage")
    for name in (PATH, "data/texts.csv"):
        (project / "data").mkdir(exist_ok=True)
        (project / name).write_bytes(CONTENT)
    _, (call,) = repeat(commit, unlabelled="data/texts.csv")
    assert call.endswith(f"--json --unlabelled {project}/data/texts.csv")


def test_another_model_is_not_identical(project, repeat):
    commit = track(project, "stage")
    (project / "data").mkdir(exist_ok=True)
    (project / PATH).write_bytes(CONTENT)
    result, _ = repeat(commit, digest="another")
    assert (result.identical, result.actual_digest) == (False, "another")


def test_data_that_is_nowhere_ends_it_before_the_training(project, repeat):
    commit = track(project, "stage")
    (project / "data").mkdir(exist_ok=True)
    (project / PATH).write_bytes(b"other bytes")
    for source in ("csv", "package"):
        with pytest.raises(NotFoundError, match=f"MD5 {MD5}"):
            repeat(commit, source=source)


def test_a_commit_that_is_not_here_is_told_in_gits_words(project, repeat):
    track(project, "stage")
    with pytest.raises(RunError, match="`git checkout -q 0000000"):
        repeat("0" * 40)
