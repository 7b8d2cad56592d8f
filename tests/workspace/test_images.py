"""A stage with a title and a service make an image: no other list names it."""

import json
import re
import subprocess

import pytest

from tests.support import BIN, ROOT
from tools.build_images import edge_images
from tools.workspace import DOCKERFILE, WHOLE_SET, ReleaseError, Workspace


@pytest.fixture
def workspace(tmp_path):
    """The packages as they are, and a Dockerfile to change."""
    (tmp_path / "packages").symlink_to(ROOT / "packages")
    (tmp_path / "services").mkdir()
    (tmp_path / DOCKERFILE).write_text((ROOT / DOCKERFILE).read_text())
    return Workspace(tmp_path)


def add_image(workspace, name, label=""):
    title = f'LABEL org.opencontainers.image.title="sentiment-{name}"'
    with (workspace.root / DOCKERFILE).open("a") as file:
        file.write(f'\nFROM runtime AS {name}\n{title}\n{label}\nCMD ["start"]\n')


def test_a_stage_with_a_title_is_an_image(workspace):
    before = workspace.images
    add_image(workspace, "router", 'LABEL released-with="sentiment-serve"')
    add_image(workspace, "grafana")
    assert workspace.images == {**before, "router": "sentiment-serve", "grafana": WHOLE_SET}
    assert workspace.images_of("sentiment-serve") == ("serve", "router")
    assert workspace.images_of(WHOLE_SET) == ("mlflow", "prefect", "grafana")
    assert workspace.images_of("sentiment-core") == ()
    assert [image.service for image in edge_images(workspace, "0" * 40, "acme")] == [
        *before, "router", "grafana",
    ]  # fmt: skip


def test_a_stage_without_a_title_is_a_step_on_the_way(workspace):
    assert {"uv", "build", "runtime"}.isdisjoint(workspace.images)
    assert not any(name.startswith("build-") for name in workspace.images)


def test_an_image_of_an_unknown_package_is_an_error(workspace):
    add_image(workspace, "router", 'LABEL released-with="sentiment-router"')
    with pytest.raises(ReleaseError, match="router is released with sentiment-router"):
        workspace.images_of(WHOLE_SET)


def test_the_compose_file_builds_every_image_under_its_name():
    """What compose makes of the file, as compose prints it."""
    result = subprocess.run(
        [BIN / "docker-compose", "--profile", "*", "config", "--format", "json"], cwd=ROOT,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    built = {
        service["build"]["target"]: service
        for service in json.loads(result.stdout)["services"].values()
        if "build" in service
    }
    # The worker's own image is a part of the one that brings the commands.
    assert set(built) == set(Workspace(ROOT).images) - {"train"}
    for target, service in built.items():
        assert service["build"]["dockerfile"] == DOCKERFILE
        assert re.fullmatch(rf"ghcr\.io/[^/]+/sentiment-{target}:latest", service["image"])


def test_every_image_says_its_name_and_how_it_is_checked():
    text = (ROOT / DOCKERFILE).read_text()
    for image in Workspace(ROOT).images:
        assert f'image.title="sentiment-{image}"' in text
        base = re.search(rf"(?m)^FROM (\S+) AS {image}$", text)[1]
        checked = image if base == "runtime" else base
        assert f"COPY services/{checked}/healthy.py /usr/local/lib/" in text
        assert (ROOT / "services" / checked / "healthy.py").is_file()
