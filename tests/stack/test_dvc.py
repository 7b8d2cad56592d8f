"""The pipeline under DVC, with a real S3 server as its remote, in real git repositories."""

import hashlib
import json
import os
import subprocess

import pytest

from sentiment_cli.dvc_remote import point_default_remote
from sentiment_cli.stack.environment import store_settings
from sentiment_core.s3_store import S3Store
from tests.support import BIN, ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

DATA = "data/imdb_sample.csv"


class Repository:
    """A git repository with the project's pipeline, and commands in it."""

    def __init__(self, folder, stack):
        self.folder = folder
        # Neither keys nor address: DVC has them from where `stack env --write` puts them.
        self.environment = os.environ | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1",
            # A Prefect for each of the trainings would take as long as they do.
            "PREFECT_API_URL": stack.client_environment["PREFECT_API_URL"],
            "SENTIMENT_HOME": str(folder.parent / f"{folder.name}-home"),
            "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.org",
        }  # fmt: skip
        assert point_default_remote(folder, stack.client_environment).name == "minio"

    def run(self, *command, exit_code=0, **environment):
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        text = result.stdout if "--json" in command else result.stdout + result.stderr
        failed_as_expected = exit_code is None and result.returncode != 0
        assert result.returncode == exit_code or failed_as_expected, text + result.stderr
        return text

    def read(self, name):
        return (self.folder / name).read_bytes()


def clone(source, folder, stack):
    subprocess.run(["git", "clone", "-q", source, folder], check=True)
    return Repository(folder, stack)


@pytest.fixture(scope="module")
def project(stack, tmp_path_factory):
    """A clone of this repository whose pipeline has run once, on few reviews, and is committed."""
    project = clone(ROOT, tmp_path_factory.mktemp("dvc") / "project", stack)
    params = project.read("params.yaml").decode().replace("samples: 2000", "samples: 600")
    (project.folder / "params.yaml").write_text(params)
    # The tree under test, where it is ahead of its last commit.
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        (project.folder / name).write_bytes((ROOT / name).read_bytes())
    project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "A small sample")
    return project


def test_a_second_run_has_nothing_to_do(project):
    assert "Data and pipelines are up to date" in project.run("dvc", "repro")
    assert "prepare_data" in project.run("dvc", "dag")
    assert project.run("git", "status", "--porcelain") == ""
    assert not [line for line in project.run("git", "ls-files", "data").splitlines() if line]


def test_the_same_commit_and_parameters_give_the_same_bytes(project):
    before = [project.read(name) for name in (DATA, "metrics.json", "plots/roc.json")]
    project.run("dvc", "repro", "-f", "prepare_data")
    project.run("dvc", "repro", "-f", "-s", "train")
    assert [project.read(name) for name in (DATA, "metrics.json", "plots/roc.json")] == before


def test_experiments_are_run_and_compared(project):
    project.run("dvc", "exp", "run", "-S", "model.C=3")
    try:
        diff = json.loads(project.run("dvc", "params", "diff", "--json"))
        assert diff["params.yaml"]["model.C"]["new"] == 3
        metrics = json.loads(project.run("dvc", "metrics", "diff", "--json"))
        assert metrics["metrics.json"]["log_loss"]["diff"] != 0
        project.run("dvc", "plots", "show", "-o", "shown")
        page = project.read("shown/index.html").decode()
        assert all(name in page for name in ("ROC", "Precision-recall", "Calibration"))
    finally:
        project.run("git", "checkout", "-q", "--", ".")
        project.run("git", "clean", "-fdq", "shown")
        project.run("dvc", "checkout")


def test_a_wrong_parameter_stops_the_pipeline_with_its_name(project):
    text = project.run("dvc", "exp", "run", "-S", "model.C=-1", exit_code=None)
    assert "model.C" in text
    project.run("git", "checkout", "-q", "--", ".")
    project.run("dvc", "checkout")


def test_data_is_pushed_and_pulled_in_a_fresh_clone(project, stack, tmp_path):
    project.run("dvc", "push")
    fresh = clone(project.folder, tmp_path / "fresh", stack)
    fresh.run("dvc", "pull")
    assert fresh.read(DATA) == project.read(DATA)
    assert "up to date" in fresh.run("dvc", "status")


def test_what_goes_wrong_on_the_way_is_an_error(project, stack, tmp_path):
    project.run("dvc", "push")
    fresh = clone(project.folder, tmp_path / "fresh", stack)
    secret = stack.client_environment["AWS_SECRET_ACCESS_KEY"]
    fresh.run("dvc", "remote", "modify", "--local", "minio", "secret_access_key", "wrong")
    text = fresh.run("dvc", "pull", exit_code=None)
    fresh.run("dvc", "remote", "modify", "--local", "minio", "secret_access_key", secret)
    assert "SignatureDoesNotMatch" in text or "credential" in text.lower() or "403" in text
    fresh.run("dvc", "remote", "modify", "--local", "minio", "url", "s3://nowhere")
    fresh.run("dvc", "pull", exit_code=None)
    assert not (fresh.folder / DATA).exists()
    fresh.run("dvc", "remote", "modify", "--local", "minio", "url", "s3://data")

    store = S3Store("s3://data", store_settings(stack.settings))
    digest = hashlib.md5(project.read(DATA)).hexdigest()
    key = f"files/md5/{digest[:2]}/{digest[2:]}"
    body = store.get(key)
    store.put(key, b"damaged" + body)
    try:
        fresh.run("dvc", "remote", "modify", "--local", "minio", "verify", "true")
        fresh.run("dvc", "pull", exit_code=None)
        assert not (fresh.folder / DATA).exists()
    finally:
        store.put(key, body)
    fresh.run("dvc", "pull")
    assert fresh.read(DATA) == project.read(DATA)


@pytest.mark.chaos
def test_a_version_tells_how_it_was_made_and_is_made_again(project, stack):
    project.run("dvc", "push")
    info = json.loads(project.run("sentiment-cli", "model-info", "1", "--json"))
    lock = project.read("dvc.lock").decode()
    assert info["run_tags"]["data.md5"] in lock
    assert info["run_tags"]["data.seed"] == "42"
    assert info["run_tags"]["data.rows"] == "600"

    # The first version was trained before the commit; this one after it.
    project.run("sentiment-cli", "train", "--data-path", DATA)
    versions = json.loads(project.run("sentiment-cli", "list-versions", "--json"))
    newest = versions[0]["version"]
    text = project.run("sentiment-cli", "reproduce", newest)
    commit = project.run("git", "rev-parse", "HEAD").strip()
    assert f"git checkout {commit}" in text
    assert f"dvc pull -r minio {DATA}" in text
    pulled = clone(project.folder, project.folder.parent / "pulled", stack)
    pulled.run("dvc", "pull", "-r", "minio", DATA)
    assert pulled.read(DATA) == project.read(DATA)
    # What the caller's uv works on is not what the clone's works on.
    callers = project.folder.parent / "environment-of-the-caller"
    verify = ("sentiment-cli", "reproduce", newest, "--verify", "--json")
    result = json.loads(project.run(*verify, UV_PROJECT_ENVIRONMENT=str(callers)))
    assert not callers.exists()
    assert result["verification"]["identical"] is True
    assert project.run("git", "status", "--porcelain") == ""
