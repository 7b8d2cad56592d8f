"""A Docker engine is needed: without one these tests are skipped, and say so."""

import subprocess

import pytest

from tests.containers.compose import Compose


@pytest.fixture(scope="session")
def docker_engine():
    try:
        result = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no docker command: the images were NOT tested")
    if result.returncode:
        pytest.skip(f"no Docker engine runs: the images were NOT tested ({result.stderr.strip()})")
    return result.stdout.strip()


@pytest.fixture(scope="session")
def images(docker_engine):
    """All images, built from this tree."""
    compose = Compose("docker-compose.yml", project="sentiment-test-build")
    compose.run("build", timeout=1500)
    return compose
