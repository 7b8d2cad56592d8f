"""The whole set as a list: ``python -m tools.release_set OWNER FOLDER``.

Writes ``release.json`` (the version of each package, the digest of each image, own or not) and
``docker-compose.release.yml`` (production with exactly these images) into a folder. Every image
must be in the registry: nothing is built here.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.base_images import pinned, run_beside
from tools.registry import ImageRegistry
from tools.release_plan import image_name
from tools.workspace import WHOLE_SET, ReleaseError, Workspace

COMPOSE = "docker-compose.prod.yml"
ASKED_FOR = ("POSTGRES_USER", "POSTGRES_PASSWORD", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD")


@dataclass(frozen=True)
class ReleaseSet:
    """What belongs together.

    Attributes
    ----------
    version : str
        Of the whole set.
    revision : str
        The commit.
    packages : dict of str to str
        Version of each package.
    images : dict of str to str
        Each image's name with its digest, by its stage.
    others : dict of str to str
        The digest of each image of others that runs beside, by its name and tag.
    """

    version: str
    revision: str
    packages: dict[str, str]
    images: dict[str, str]
    others: dict[str, str]


def collect_release_set(
    workspace: Workspace,
    owner: str,
    others: dict[str, str],
    registry: ImageRegistry | None = None,
) -> ReleaseSet:
    """Look the images of this checkout's versions up.

    Raises
    ------
    ReleaseError
        If an image is not in the registry: its package has to be released first.
    """
    registry = registry or ImageRegistry("ghcr.io")
    packages = {name: workspace.version(name) for name in workspace.packages}
    version = workspace.version(WHOLE_SET)
    images = {}
    for service, package in workspace.images.items():
        tag = version if package == WHOLE_SET else packages[package]
        name = image_name(owner, service).partition("/")[2]
        digest = registry.digest(name, tag)
        if digest is None:
            raise ReleaseError(
                f"{registry.host} has no {name}:{tag}: release {package} {tag} first."
            )
        images[service] = f"{registry.host}/{name}@{digest}"
    return ReleaseSet(version, workspace.git("rev-parse", "HEAD"), packages, images, others)


def pinned_compose(workspace: Workspace, release: ReleaseSet, *compose: str) -> str:
    """Return a file to lay over the production one, which names every image by its digest.

    Parameters
    ----------
    workspace : Workspace
        The checkout.
    release : ReleaseSet
        The digests.
    *compose : str
        The command that is Compose, which says which service runs which image.
    """
    command = [*compose, "-f", COMPOSE, "--profile", "*", "config", "--format", "json"]
    values = dict.fromkeys(ASKED_FOR, "x")  # which they are makes no difference here
    result = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True,
                            env=os.environ | values, check=False)  # fmt: skip
    if result.returncode:
        raise ReleaseError(f"{' '.join(command)} failed: {result.stderr.strip()}")
    lines = [
        f"# docker compose -f {COMPOSE} -f docker-compose.release.yml up -d --no-build",
        f"# Version {release.version}: the images that were released together.",
        "services:",
    ]
    for service, settings in json.loads(result.stdout)["services"].items():
        image = settings["image"]
        if own := re.search(r"/sentiment-([a-z]+):", image):
            image, build = release.images[own[1]], ["    build: !reset null"]
        else:
            image, build = f"{image}@{release.others[image]}", []
        lines += [f"  {service}:", f"    image: {image}", *build]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("owner", help="of the images on GHCR")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    workspace = Workspace(Path.cwd())
    try:
        release = collect_release_set(
            workspace, arguments.owner, pinned(workspace, run_beside(workspace))
        )
        compose = pinned_compose(workspace, release, "docker", "compose")
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "release.json").write_text(json.dumps(asdict(release), indent=2) + "\n")
    (arguments.folder / "docker-compose.release.yml").write_text(compose)


if __name__ == "__main__":
    main()
