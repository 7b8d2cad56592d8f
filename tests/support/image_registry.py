"""A real registry of images: Debian's, where it is installed or can be fetched."""

import hashlib
import json
import shutil
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from tests.support import free_port, running


@contextmanager
def image_registry(folder):
    """Run one that keeps its files in a folder; yields its address."""
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
