"""What a release asks of other servers: GitHub how CI ended, a registry which images are there.

GitHub is a small server that answers as its API does; the image registry is Debian's where it is
installed or can be fetched, and images are pushed to it as clients do.
"""

import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.support import BIN, ROOT, free_port, running
from tools.ci_status import CHECK, require_green
from tools.registry import ImageRegistry
from tools.release_plan import image_name
from tools.release_set import ASKED_FOR, collect_release_set, pinned_compose
from tools.workspace import WHOLE_SET, ReleaseError, Workspace

HERE = Workspace(ROOT)
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
    """Debian's docker-registry."""
    folder = tmp_path_factory.mktemp("registry")
    program = shutil.which("docker-registry") or unpacked(folder)
    port = free_port()
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nlog: {{level: error}}\n"
    )
    with running([program, "serve", str(folder / "config.yml")], f"http://127.0.0.1:{port}",
                 folder / "log", ready="/v2/"):  # fmt: skip
        yield f"127.0.0.1:{port}"


def unpacked(folder):
    """The program of Debian's package, without installing it."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("no docker-registry, and no apt-get that could bring it")
    fetched = subprocess.run(["apt-get", "-qq", "download", "docker-registry"], cwd=folder,
                             capture_output=True, text=True, check=False)  # fmt: skip
    packages = list(folder.glob("*.deb"))
    if fetched.returncode or not packages:
        pytest.skip(f"no docker-registry: {fetched.stderr.strip()}")
    subprocess.run(["dpkg-deb", "-x", packages[0], folder / "root"], check=True)
    return str(folder / "root/usr/bin/docker-registry")


def push(registry, name, tag, content):
    """Push an image of one small layer as an OCI client does; returns its digest."""
    import hashlib

    import httpx

    def upload(data):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        begun = client.post(f"/v2/{name}/blobs/uploads/")
        url = httpx.URL(begun.headers["location"]).copy_merge_params({"digest": digest})
        assert client.put(url, content=data).status_code == 201
        return {"digest": digest, "size": len(data)}

    with httpx.Client(base_url=f"http://{registry}") as client:
        kind = "application/vnd.oci.image."
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": f"{kind}manifest.v1+json",
            "config": {"mediaType": f"{kind}config.v1+json", **upload(b"{}")},
            "layers": [{"mediaType": f"{kind}layer.v1.tar", **upload(content)}],
        }).encode()  # fmt: skip
        answer = client.put(f"/v2/{name}/manifests/{tag}", content=manifest,
                            headers={"Content-Type": f"{kind}manifest.v1+json"})  # fmt: skip
        assert answer.status_code == 201
        return answer.headers["docker-content-digest"]


def test_the_whole_set_names_the_digests_that_are_in_the_registry(registry):
    expected = {}
    for service, package in HERE.images.items():
        asked = ImageRegistry(registry)
        name = image_name("Acme", service).partition("/")[2]
        version = HERE.version(package)
        assert asked.digest(name, version) is None
        with pytest.raises(ReleaseError, match=rf"has no {name}:{version}: release {package}"):
            collect_release_set(HERE, "Acme", asked)
        digest = push(registry, name, version, service.encode())
        expected[service] = f"{registry}/{name}@{digest}"
    release = collect_release_set(HERE, "Acme", ImageRegistry(registry))
    assert release.images == expected
    assert release.packages == {name: HERE.version(name) for name in HERE.packages}
    assert release.version == HERE.version(WHOLE_SET)

    services = yaml.load(
        pinned_compose(HERE, release, str(BIN / "docker-compose")).replace("!reset ", ""),
        Loader=yaml.SafeLoader,
    )["services"]  # fmt: skip
    assert services["fastapi"] == {"image": expected["serve"], "build": None}
    assert services["training"]["image"] == services["init-secrets"]["image"] == expected["cli"]
    assert set(services) == {
        "fastapi", "training", "mlflow", "prefect-server", "backup", "init-secrets", "init-storage",
        "init-registry",
    }  # fmt: skip


def test_the_pinned_file_is_taken_by_compose(registry, tmp_path):
    release = collect_release_set(HERE, "Acme", ImageRegistry(registry))
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
        assert "/sentiment-" not in service["image"] or "@sha256:" in service["image"], name


def test_a_registry_that_is_away_is_told():
    with pytest.raises(ReleaseError, match="does not answer"):
        ImageRegistry(f"127.0.0.1:{free_port()}").digest("x", "1")
