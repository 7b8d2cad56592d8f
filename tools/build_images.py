"""Builds the images of a release: ``python -m tools.build_images TAG OWNER [--push]``.

Both platforms, with SBOM and provenance when they are pushed; without --push they are only built.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tools.release_plan import Image, plan_release
from tools.workspace import ReleaseError, Workspace

PLATFORMS = ("linux/amd64", "linux/arm64")


def build_command(image: Image, revision: str, *, push: bool, platforms: tuple[str, ...]) -> list:
    """Return the command that builds one image.

    Parameters
    ----------
    image : Image
        What to build.
    revision : str
        The commit.
    push : bool
        Push it, with its attestations.
    platforms : tuple of str
        For example ``("linux/amd64",)``.
    """
    output = ["--push", "--sbom=true", "--provenance=mode=max"] if push else []
    return [
        "docker", "buildx", "build", ".", "--file", image.dockerfile,
        "--platform", ",".join(platforms),
        "--build-arg", f"VERSION={image.version}", "--build-arg", f"REVISION={revision}",
        *(option for tag in image.tags for option in ("--tag", tag)), *output,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("owner")
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--platform", action="append", help=f"[default: {' '.join(PLATFORMS)}]")
    arguments = parser.parse_args()
    workspace = Workspace(Path.cwd())
    try:
        plan = plan_release(workspace, arguments.tag, arguments.owner)
        revision = workspace.git("rev-parse", "HEAD")
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    platforms = tuple(arguments.platform or PLATFORMS)
    for image in plan.images:
        command = build_command(image, revision, push=arguments.push, platforms=platforms)
        print("+", " ".join(command), flush=True)
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
