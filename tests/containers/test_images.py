"""What is in the images, and what is not."""

import json
import subprocess

import pytest

from tests.support import ROOT
from tests.support.image_registry import image_registry
from tools.base_images import pinned
from tools.build_images import build_command
from tools.release_plan import Image
from tools.workspace import Workspace

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

OWN = tuple(name for name in Workspace(ROOT).images if name != "train")
"""The worker's image is built as a part of the command line's."""

BASE = "python:3.12-slim-bookworm"


def image(name):
    return f"ghcr.io/sentiment-mlops/sentiment-{name}:latest"


def inspect(name):
    result = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=True)
    return json.loads(result.stdout)[0]


def run_in(name, *command):
    return subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "", image(name), *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_an_image_is_labelled_checked_and_not_run_by_root(images, name):
    config = inspect(image(name))["Config"]
    assert config["User"] not in {"", "root", "0"}
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["Labels"]["org.opencontainers.image.version"]
    assert run_in(name, "id", "-u").stdout.strip() == "10001"
    assert run_in(name, "which", "uv", "gcc").returncode != 0


def test_the_api_image_holds_the_api_alone_and_is_small(images):
    size = (inspect(image("serve"))["Size"] - inspect(BASE)["Size"]) / 1e6
    print(f"serve: {size:.0f} MB over its base")
    assert size <= 250
    absent = ["prefect", "pandas", "sklearn", "scipy", "mlflow", "sentiment_train", "typer", "dvc"]
    code = f"""
import importlib.util, sentiment_serve, sentiment_core
print([name for name in {absent} if importlib.util.find_spec(name)])
"""
    assert run_in("serve", "python", "-c", code).stdout.strip() == "[]"


def test_no_image_holds_a_secret_or_the_repository(images):
    for name in OWN:
        listing = run_in(name, "find", "/", "-xdev", "(", "-name", ".git", "-o", "-name", ".env",
                         ")", "-not", "-path", "/proc/*").stdout  # fmt: skip
        assert listing == "", name


def test_the_command_line_is_a_layer_on_the_worker(images):
    """Both share all other layers, so that a host that has one fetches little for the other."""
    subprocess.run(
        ["docker", "build", "-q", "--file", "services/Dockerfile", "--target", "train",
         "--tag", image("train"), "."], cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    worker = inspect(image("train"))["RootFS"]["Layers"]
    commands = inspect(image("cli"))["RootFS"]["Layers"]
    assert commands[: len(worker)] == worker
    assert len(commands) == len(worker) + 1
    assert run_in("train", "which", "sentiment-cli").returncode != 0
    assert run_in("cli", "sentiment-cli", "--version").stdout.startswith("sentiment-cli ")


def test_a_release_is_built_from_the_digest_whatever_the_tag_says_by_now(docker_engine, tmp_path):
    with image_registry(tmp_path) as registry:
        base = f"{registry}/base:1"

        def push_base(content):
            dockerfile = f"FROM {BASE}\nRUN echo {content} > /base\n"
            subprocess.run(["docker", "build", "-q", "-t", base, "-"], input=dockerfile, text=True,
                           check=True, capture_output=True)  # fmt: skip
            subprocess.run(["docker", "push", "-q", base], check=True, capture_output=True)

        push_base("first")
        bases = pinned(Workspace(tmp_path), [base])
        push_base("second")
        services = tmp_path / "services"
        services.mkdir()
        (services / "Dockerfile").write_text(f"FROM {base} AS own\n")
        tag = f"{registry}/own:1"
        command = build_command(Image("own", "1", (tag,)), "0" * 40, bases=bases, push=False,
                                platforms=("linux/amd64",))  # fmt: skip
        subprocess.run([*command, "--load"], cwd=tmp_path, check=True, capture_output=True)
        shown = subprocess.run(["docker", "run", "--rm", tag, "cat", "/base"], check=True,
                               capture_output=True, text=True)  # fmt: skip
        assert shown.stdout == "first\n"
        subprocess.run(["docker", "rmi", tag, base], check=True, capture_output=True)
