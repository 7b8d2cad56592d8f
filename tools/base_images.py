"""Which content the images of others have: ``python -m tools.base_images`` writes their digests.

A tag such as ``python:3.12-slim-bookworm`` is moved by its owner. `LOCK` names the digest that each
tag had when it was last resolved; releases are built from these, and run beside these.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.workspace import DOCKERFILE, ReleaseError, Workspace

LOCK: Final = "services/base-images.json"
COMPOSE_FILES: Final = ("docker-compose.yml", "docker-compose.prod.yml")

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def built_from(workspace: Workspace) -> tuple[str, ...]:
    """Return the images of others that the own ones are built from."""
    text = (workspace.root / DOCKERFILE).read_text(encoding="utf-8")
    stages = re.findall(r"(?m)^FROM (\S+) AS (\S+)$", text)
    names = {name for _, name in stages}
    return tuple(sorted({base for base, _ in stages} - names))


def run_beside(workspace: Workspace) -> tuple[str, ...]:
    """Return the images of others that the compose files run."""
    text = "".join((workspace.root / file).read_text(encoding="utf-8") for file in COMPOSE_FILES)
    return tuple(sorted(set(re.findall(r"(?m)^ *image: ([^$\s]+)$", text))))


def resolve(image: str) -> str:
    """Ask an image's registry for the digest of its tag: that of all platforms together.

    Raises
    ------
    ReleaseError
        If the registry does not answer, or has no such image.
    """
    command = ["docker", "buildx", "imagetools", "inspect", image,
               "--format", "{{json .Manifest}}"]  # fmt: skip
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ReleaseError("no docker command: it asks the registries.") from None
    digest = _DIGEST.search(result.stdout.partition('"manifests"')[0])
    if result.returncode or not digest:
        raise ReleaseError(f"{image} is not resolved: {result.stderr.strip() or result.stdout}")
    return digest[0]


def locked_digests(workspace: Workspace) -> dict[str, str]:
    """Read the digest of each image from the lock; empty where there is none yet."""
    path = workspace.root / LOCK
    if not path.exists():
        return {}
    digests: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return digests


def pinned(workspace: Workspace, images: Sequence[str]) -> dict[str, str]:
    """Return the digest of each image: from the lock, or resolved now where the lock has none."""
    locked = locked_digests(workspace)
    return {image: locked.get(image) or resolve(image) for image in images}


def main() -> None:
    workspace = Workspace(Path.cwd())
    try:
        digests = {
            image: resolve(image)
            for image in sorted({*built_from(workspace), *run_beside(workspace)})
        }
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    before = locked_digests(workspace)
    (workspace.root / LOCK).write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
    for image, digest in digests.items():
        print(f"{image} {digest}" + ("" if before.get(image) == digest else " (new)"))


if __name__ == "__main__":
    main()
