"""Builds the images of a release: ``python -m tools.build_images TAG OWNER [--push]``.

Both platforms, with SBOM and provenance when they are pushed; without --push they are only built.
What they are built from has the digests of ``services/base-images.json``; what is pushed is built
from nothing that has none.
The tag ``edge`` stands for the newest commit: all images, named after it.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.base_images import built_from, locked_digests, pinned
from tools.release_plan import Image, image_name, plan_release
from tools.workspace import DOCKERFILE, ReleaseError, Workspace

PLATFORMS = ("linux/amd64", "linux/arm64")
EDGE = "edge"


def edge_images(workspace: Workspace, revision: str, owner: str) -> tuple[Image, ...]:
    """Name the images of a commit that is no release."""
    version = f"sha-{revision[:7]}"
    return tuple(
        Image(service, version, tuple(f"{image_name(owner, service)}:{t}" for t in (EDGE, version)))
        for service in workspace.images
    )


def build_command(
    image: Image,
    revision: str,
    *,
    bases: Mapping[str, str],
    push: bool,
    platforms: tuple[str, ...],
    cache: bool = False,
) -> list[str]:
    """Return the command that builds one image.

    Parameters
    ----------
    image : Image
        What to build.
    revision : str
        The commit.
    bases : mapping of str to str
        The digest of each image that the Dockerfile begins with.
    push : bool
        Push it, with its attestations.
    platforms : tuple of str
        For example ``("linux/amd64",)``.
    cache : bool
        Keep layers in the registry for the next build.
    """
    options = ["--push", "--sbom=true", "--provenance=mode=max"] if push else []
    for base, digest in bases.items():
        options += ["--build-context", f"{base}=docker-image://{base}@{digest}"]
    if cache:
        reference = f"type=registry,ref={image.tags[0].rpartition(':')[0]}:cache"
        options += ["--cache-from", reference, "--cache-to", f"{reference},mode=max"]
    return [
        "docker", "buildx", "build", ".", "--file", DOCKERFILE, "--target", image.service,
        "--platform", ",".join(platforms),
        "--build-arg", f"VERSION={image.version}", "--build-arg", f"REVISION={revision}",
        *(option for tag in image.tags for option in ("--tag", tag)), *options,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("owner")
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--cache", action="store_true", help="keep layers in the registry")
    parser.add_argument("--platform", action="append", help=f"[default: {' '.join(PLATFORMS)}]")
    arguments = parser.parse_args()
    workspace = Workspace(Path.cwd())
    try:
        revision = workspace.git("rev-parse", "HEAD")
        if arguments.tag == EDGE:
            images = edge_images(workspace, revision, arguments.owner)
        else:
            images = plan_release(workspace, arguments.tag, arguments.owner).images
        origins = built_from(workspace)
        locked = locked_digests(workspace)
        bases = (
            pinned(workspace, origins)
            if arguments.push
            else {base: locked[base] for base in origins if base in locked}
        )
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    platforms = tuple(arguments.platform or PLATFORMS)
    for image in images:
        command = build_command(
            image, revision, bases=bases, push=arguments.push, platforms=platforms,
            cache=arguments.cache,
        )  # fmt: skip
        print("+", " ".join(command), flush=True)
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
