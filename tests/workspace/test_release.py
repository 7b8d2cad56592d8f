"""Releases, made for real in a temporary clone of this repository."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_train.model.curves import HeldOutScores, write_curves
from tests.support import ROOT
from tools.build_images import build_command, edge_images
from tools.changed_packages import changed_packages
from tools.changelog import section_of
from tools.job_summary import render_summary
from tools.release_plan import image_tags, plan_release
from tools.workspace import WHOLE_SET, ReleaseError, Workspace, bumped

CORE = "sentiment-core"
HERE = Workspace(ROOT)

pytestmark = pytest.mark.slow  # each clones the repository


@pytest.fixture
def workspace(tmp_path):
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    for name in ("tools", "packages", "services", "pyproject.toml", "uv.lock", "noxfile.py",
                 "params.yaml"):  # fmt: skip
        source = ROOT / name  # the tree under test, where it is ahead of its last commit
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, root / name, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(source, root / name)
    workspace = Workspace(root)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.org")):
        workspace.git("config", key, value)
    for tag in workspace.git("tag", "--list").splitlines():
        workspace.git("tag", "-d", tag)
    workspace.git("add", "-A")
    workspace.git("commit", "-q", "--allow-empty", "-m", "chore: the tree under test")
    return workspace


def run(workspace, module, *arguments, exit_code=0):
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=workspace.root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == exit_code, result.stdout + result.stderr
    return result.stdout + result.stderr


def commit(workspace, package, message, name="change.txt"):
    path = workspace.folder(package) / "src" / name
    path.write_text(message)
    workspace.git("add", "-A")
    workspace.git("commit", "-q", "-m", message)


def test_releasing_core_and_then_serve(workspace):
    first = run(workspace, "tools.bump", CORE, "0.1.1")
    assert "sentiment-core-v0.1.1 is committed and tagged" in first
    commit(workspace, CORE, "feat(core)!: another way to clean")
    commit(workspace, CORE, "docs(core): nothing for users")
    run(workspace, "tools.bump", CORE, "minor")
    assert workspace.version(CORE) == "0.2.0"
    section = section_of(workspace.folder(CORE) / "CHANGELOG.md", "0.2.0")
    assert section == "### Breaking\n\n- Another way to clean"
    for package in ("sentiment-train", "sentiment-serve", "sentiment-cli"):
        assert workspace.pins(package)[CORE] == "0.2.0"

    commit(workspace, "sentiment-serve", "fix(serve): answer politely")
    run(workspace, "tools.bump", "sentiment-serve", "patch")
    assert workspace.pins("sentiment-cli")["sentiment-serve"] == "0.1.1"
    assert workspace.git("status", "--porcelain") == ""
    tags = set(workspace.git("tag", "--list").splitlines())
    assert tags == {"sentiment-core-v0.1.1", "sentiment-core-v0.2.0", "sentiment-serve-v0.1.1"}

    plan = json.loads(run(workspace, "tools.release_plan", "sentiment-serve-v0.1.1", "Acme"))
    assert plan["wheels"] == ["sentiment-serve"]
    assert "- Answer politely" in plan["notes"]
    (image,) = plan["images"]
    assert image["service"] == "serve"
    assert image["tags"] == [
        f"ghcr.io/acme/sentiment-serve:{tag}" for tag in ("0.1.1", "0.1", "0", "latest")
    ]


def test_a_forgotten_pin_fails(workspace):
    run(workspace, "tools.bump", CORE, "minor")
    path = workspace.folder("sentiment-serve") / "pyproject.toml"
    path.write_text(path.read_text().replace("==0.2.0", "==0.1.0"))
    workspace.git("commit", "-q", "-am", "fix(serve): by hand")
    run(workspace, "tools.bump", "sentiment-serve", "patch")
    text = run(workspace, "tools.release_plan", "sentiment-serve-v0.1.1", "acme", exit_code=1)
    assert "sentiment-serve pins sentiment-core==0.1.0, but the workspace has 0.2.0" in text


def test_a_release_on_an_unreleased_core_fails(workspace):
    run(workspace, "tools.bump", "sentiment-serve", "patch")
    with pytest.raises(ReleaseError, match="not released: there is no tag sentiment-core-v"):
        plan_release(workspace, "sentiment-serve-v0.1.1", "acme")
    run(workspace, "tools.bump", CORE, "minor")
    commit(workspace, CORE, "feat(core): not released yet")
    run(workspace, "tools.bump", "sentiment-serve", "patch")
    with pytest.raises(ReleaseError, match=r"has changed since sentiment-core-v0\.2"):
        plan_release(workspace, "sentiment-serve-v0.1.2", "acme")


def test_tag_version_changelog_and_lock_have_to_agree(workspace):
    run(workspace, "tools.bump", CORE, "minor")
    with pytest.raises(ReleaseError, match=r"does not agree with pyproject.toml"):
        plan_release(workspace, "sentiment-core-v0.3.0", "acme")
    changelog = workspace.folder(CORE) / "CHANGELOG.md"
    content = changelog.read_text()
    changelog.write_text("# Changelog\n")
    with pytest.raises(ReleaseError, match=r"has no section for 0\.2\.0"):
        plan_release(workspace, "sentiment-core-v0.2.0", "acme")
    changelog.write_text(content)
    assert plan_release(workspace, "sentiment-core-v0.2.0", "acme").images == ()
    path = workspace.folder(CORE) / "pyproject.toml"
    path.write_text(path.read_text().replace("numpy>=2", "numpy>=2.1"))
    with pytest.raises(ReleaseError, match=r"uv\.lock is not up to date"):
        plan_release(workspace, "sentiment-core-v0.2.0", "acme")


def test_the_whole_set_is_a_list_of_what_is_released(workspace):
    run(workspace, "tools.bump", "all", "1.0.0")
    with pytest.raises(
        ReleaseError, match=r"not released: there is no tag sentiment-core-v0\.1\.0"
    ):
        plan_release(workspace, "v1.0.0", "acme")
    for package in HERE.packages:
        run(workspace, "tools.bump", package, "patch")
    run(workspace, "tools.bump", "all", "patch")
    plan = plan_release(workspace, "v1.0.1", "acme")
    assert plan.wheels == ()
    assert [image.service for image in plan.images] == ["mlflow", "prefect"]
    assert "## " not in plan.notes.replace("### ", "")
    commit(workspace, "sentiment-serve", "fix(serve): not released yet")
    run(workspace, "tools.bump", "all", "patch")
    with pytest.raises(ReleaseError, match="sentiment-serve has changed since sentiment-serve-v0"):
        plan_release(workspace, "v1.0.2", "acme")


def test_no_two_tags_push_the_same_image():
    owners = {}
    for package in (*HERE.packages, WHOLE_SET):
        for service in HERE.images_of(package):
            assert owners.setdefault(service, package) == package
    assert set(owners) == set(HERE.images)
    assert {"serve", "train", "cli"} <= set(owners)


def test_a_package_is_released_after_what_it_is_built_on():
    for position, package in enumerate(HERE.packages):
        assert set(HERE.pins(package)) <= set(HERE.packages[:position])


def test_mistakes_are_plain_errors(workspace):
    (workspace.root / "params.yaml").write_text("changed")
    assert "uncommitted changes" in run(workspace, "tools.bump", CORE, "minor", exit_code=1)
    workspace.git("checkout", "-q", "--", ".")
    assert "neither major" in run(workspace, "tools.bump", CORE, "huge", exit_code=1)
    for tag in ("sentiment-core-1.0.0", "sentiment-api-v1.0.0", "v1.0", "latest"):
        with pytest.raises(ReleaseError, match="is no release tag"):
            workspace.parse_tag(tag)


def test_versions_rise():
    assert [bumped("1.2.3", part) for part in ("patch", "minor", "major", "4.0.0")] == [
        "1.2.4", "1.3.0", "2.0.0", "4.0.0",
    ]  # fmt: skip


def test_images_of_a_commit_are_named_after_it():
    images = edge_images(HERE, "0123456789abcdef", "Acme")
    assert [image.service for image in images] == list(HERE.images)
    options = {"bases": {"python:3.12": "sha256:ab"}, "platforms": ("linux/amd64",)}
    command = build_command(images[0], "0123", push=True, cache=True, **options)
    assert command[:3] == ["docker", "buildx", "build"]
    assert command[command.index("--target") + 1] == "serve"
    assert "ghcr.io/acme/sentiment-serve:sha-0123456" in command
    assert "type=registry,ref=ghcr.io/acme/sentiment-serve:cache" in command
    assert {"--push", "--sbom=true", "--provenance=mode=max"} <= set(command)
    context = command[command.index("--build-context") + 1]
    assert context == "python:3.12=docker-image://python:3.12@sha256:ab"
    assert "--push" not in build_command(images[0], "0123", push=False, **options)


def test_a_training_is_summarised(tmp_path):
    curves = tmp_path / "plots"
    scores = HeldOutScores("digest", np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]))
    write_curves(curves, scores)
    result = {
        "run_id": "abc", "model_version": "3", "metrics": {"f1": 0.5},
        "decision": {"verdict": "promoted", "reason": "there was no champion"},
    }  # fmt: skip
    (tmp_path / "result.json").write_text(json.dumps(result))
    text = render_summary(tmp_path)
    assert "| f1 | 0.5000 |" in text
    assert "| verdict | promoted |" in text
    assert "| negative | 1 | 1 |" in text
    assert "xychart-beta" in text


VERSIONS = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, unique=True)


@given(VERSIONS)
def test_a_tag_of_an_image_only_ever_moves_to_a_higher_version(order):
    """Released in any order: a fix of an old line takes no name from a newer one."""
    held, released = {}, []
    for number in order:
        version = ".".join(map(str, number))
        released.append(version)
        names = image_tags("x", version, released)
        assert names[0] == f"x:{version}"
        for name in names:
            assert held.get(name, number) <= number, name
            held[name] = number
    assert held["x:latest"] == max(order)
    for major in {number[0] for number in order}:
        assert held[f"x:{major}"] == max(number for number in order if number[0] == major)


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        (["packages/sentiment-core/src/x.py"], ["core", "serve", "train", "cli"]),
        (["packages/sentiment-serve/src/x.py", "README.md"], ["serve", "cli"]),
        (["packages/sentiment-train/src/x.py"], ["train", "cli"]),
        (["uv.lock"], ["core", "serve", "train", "cli"]),
        (["tests/stack/test_dvc.py", "docker-compose.yml"], []),
    ],
)
def test_what_changed_decides_what_is_tested(files, packages):
    assert changed_packages(HERE, files) == packages


@pytest.mark.parametrize("file", ["packages/sentiment-new/x.py", "somewhere/x.py"])
def test_a_file_that_nobody_knows_is_an_error(file):
    with pytest.raises(ReleaseError, match=r"x\.py"):
        changed_packages(HERE, [file])


def test_every_file_of_the_repository_is_known():
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(changed_packages(HERE, files)) == len(HERE.packages)
