"""What a release asks of other servers: GitHub how CI ended, a registry which images are there.

GitHub is a small server that answers as its API does; the image registry is Debian's where it is
installed or can be fetched, and images are pushed to it as clients do.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.support import BIN, ROOT, free_port
from tests.support.image_registry import image_registry, push
from tools.base_images import LOCK, built_from, pinned, run_beside
from tools.ci_status import CHECK, require_green
from tools.registry import ImageRegistry
from tools.release_plan import image_name
from tools.release_set import ASKED_FOR, collect_release_set, pinned_compose
from tools.workspace import WHOLE_SET, ReleaseError, Workspace

HERE = Workspace(ROOT)
OTHERS = {image: f"sha256:{number:064x}" for number, image in enumerate(run_beside(HERE))}
COMMIT = "0123456789abcdef"


@contextmanager
def github(*answers):
    """A server that gives these answers, one after the other; the last one again and again."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answer = left.pop(0) if len(left) > 1 else left[0]
            content = json.dumps(answer).encode()
            self.send_response(200 if isinstance(answer, dict) else 502)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def runs(*states):
    return {"check_runs": [
        {"status": "completed" if state else "in_progress", "conclusion": state,
         "started_at": f"2026-01-0{day}T00:00:00Z", "html_url": "https://example.org/run"}
        for day, state in enumerate(states, start=1)
    ]}  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([runs("success")], None),
        ([runs("failure", "success")], None),  # the newest counts
        ([runs(None), runs(None), runs("success")], None),
        ([runs("success", "failure")], "ended as failure for 0123456: https://example.org/run"),
        ([runs("cancelled")], "ended as cancelled"),
        ([runs()], "has not run for 0123456"),
        ([runs(None)], "still runs"),
        (["down"], "does not say how CI ended"),
    ],
    ids=range(8),
)
def test_only_a_commit_with_a_green_ci_is_released(answers, problem):
    with github(*answers) as (api, asked):
        patience = 0.0 if problem and "still" in problem else 60.0
        options = {"api": api, "patience_seconds": patience, "pause_seconds": 0.0}
        if problem is None:
            require_green("acme/mlops", COMMIT, **options)
        else:
            with pytest.raises(ReleaseError, match=problem):
                require_green("acme/mlops", COMMIT, **options)
    url = urlsplit(asked[0])
    assert url.path == f"/repos/acme/mlops/commits/{COMMIT}/check-runs"
    assert parse_qs(url.query)["check_name"] == [CHECK]


def test_the_check_is_the_one_that_all_others_lead_to():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    others = set(jobs) - {CHECK, "edge-images"}
    assert set(jobs[CHECK]["needs"]) == others


def test_wheels_are_published_after_the_images_and_all_after_a_green_ci():
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert "images" in jobs["publish"]["needs"]
    assert "images" in jobs["github-release"]["needs"]
    steps = json.dumps(jobs["plan"]["steps"])
    assert "tools.ci_status" in steps
    for name, job in jobs.items():
        assert name == "plan" or "plan" in job["needs"], name


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with image_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def test_the_whole_set_names_the_digests_that_are_in_the_registry(registry):
    expected = {}
    for service, package in HERE.images.items():
        asked = ImageRegistry(registry)
        name = image_name("Acme", service).partition("/")[2]
        version = HERE.version(package)
        assert asked.digest(name, version) is None
        with pytest.raises(ReleaseError, match=rf"has no {name}:{version}: release {package}"):
            collect_release_set(HERE, "Acme", OTHERS, asked)
        digest = push(registry, name, version, service.encode())
        expected[service] = f"{registry}/{name}@{digest}"
    release = collect_release_set(HERE, "Acme", OTHERS, ImageRegistry(registry))
    assert release.images == expected
    assert release.packages == {name: HERE.version(name) for name in HERE.packages}
    assert release.version == HERE.version(WHOLE_SET)

    services = yaml.load(
        pinned_compose(HERE, release, str(BIN / "docker-compose")).replace("!reset ", ""),
        Loader=yaml.SafeLoader,
    )["services"]  # fmt: skip
    assert services["fastapi"] == {"image": expected["serve"], "build": None}
    assert services["training"]["image"] == services["init-secrets"]["image"] == expected["cli"]
    for other in ("postgres", "minio", "nginx"):
        name, digest = services[other]["image"].split("@")
        assert digest == OTHERS[name]


def test_the_pinned_file_is_taken_by_compose(registry, tmp_path):
    release = collect_release_set(HERE, "Acme", OTHERS, ImageRegistry(registry))
    path = tmp_path / "docker-compose.release.yml"
    path.write_text(pinned_compose(HERE, release, str(BIN / "docker-compose")))
    values = dict.fromkeys(ASKED_FOR, "x")
    result = subprocess.run(
        [BIN / "docker-compose", "-f", "docker-compose.prod.yml", "-f", path, "--profile", "*",
         "config", "--format", "json"], cwd=ROOT, env=os.environ | values, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    for name, service in json.loads(result.stdout)["services"].items():
        assert "build" not in service, name
        assert "@sha256:" in service["image"], name


def test_a_registry_that_is_away_is_told():
    with pytest.raises(ReleaseError, match="does not answer"):
        ImageRegistry(f"127.0.0.1:{free_port()}").digest("x", "1")


@pytest.fixture
def origin(registry, tmp_path):
    """A workspace that builds on an image of a registry, and that image's digest."""
    asked = ["docker", "buildx", "version"]
    if not shutil.which("docker") or subprocess.run(asked, capture_output=True).returncode:
        pytest.skip("no docker command with buildx: no registry was asked for a digest")
    image = f"{registry}/library/python:3.12"
    workspace = Workspace(tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services/Dockerfile").write_text(f"FROM {image} AS build\nFROM build AS own\n")
    for compose in ("docker-compose.yml", "docker-compose.prod.yml"):
        (tmp_path / compose).write_text("services:\n  own:\n    image: acme/${IMAGE:-own}\n")
    return workspace, image, push(registry, "library/python", "3.12", b"first")


def write_lock(workspace):
    return subprocess.run([sys.executable, "-m", "tools.base_images"], cwd=workspace.root,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
                          capture_output=True, text=True)  # fmt: skip


def test_a_tag_that_moves_moves_no_release_until_it_is_resolved_again(origin, registry):
    workspace, image, first = origin
    assert built_from(workspace) == (image,)
    assert pinned(workspace, [image]) == {image: first}
    assert write_lock(workspace).stdout == f"{image} {first} (new)\n"
    second = push(registry, "library/python", "3.12", b"second")
    assert second != first
    assert pinned(workspace, [image]) == {image: first}
    assert write_lock(workspace).stdout == f"{image} {second} (new)\n"
    assert pinned(workspace, [image]) == {image: second}
    assert write_lock(workspace).stdout == f"{image} {second}\n"


def test_a_lock_is_written_whole_or_not_at_all(origin):
    workspace, image, first = origin
    write_lock(workspace)
    dockerfile = workspace.root / "services/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + f"FROM {image}9 AS more\n")
    result = write_lock(workspace)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {image}9 is not resolved: ")
    assert json.loads((workspace.root / LOCK).read_text()) == {image: first}


def test_a_lock_names_no_image_that_is_not_used():
    path = ROOT / LOCK
    if not path.exists():
        pytest.skip(f"there is no {LOCK} yet: no registry of images was reachable")
    assert set(json.loads(path.read_text())) == {*built_from(HERE), *run_beside(HERE)}
