"""What a tag releases, after every check: ``python -m tools.release_plan TAG OWNER``.

Prints one JSON object, which release.yml turns into jobs.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.changelog import section_of
from tools.workspace import VERSION, WHOLE_SET, ReleaseError, Workspace, tag_of


@dataclass(frozen=True)
class Image:
    """An image to build, and the names to push it under."""

    service: str
    version: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class ReleasePlan:
    """What a tag releases."""

    tag: str
    package: str
    version: str
    wheels: tuple[str, ...]
    images: tuple[Image, ...]
    notes: str


def plan_release(workspace: Workspace, tag: str, owner: str) -> ReleasePlan:
    """Check a tag against the workspace and say what it releases.

    Parameters
    ----------
    workspace : Workspace
        The tagged checkout, with all tags.
    tag : str
        Like ``sentiment-serve-v1.2.3``, or ``v1.2.3`` for the whole set.
    owner : str
        Of the images on GHCR.

    Raises
    ------
    ReleaseError
        If tag, version, changelog, pins or lock disagree.
    """
    package, version = workspace.parse_tag(tag)
    if workspace.version(package) != version:
        raise ReleaseError(
            f"{tag} does not agree with pyproject.toml, where {package} is "
            f"{workspace.version(package)}."
        )
    notes = section_of(workspace.folder(package) / "CHANGELOG.md", version)
    wheels = workspace.packages if package == WHOLE_SET else (package,)
    for name in wheels:
        _check_pins(workspace, name, released_together=package == WHOLE_SET)
    _check_lock(workspace)
    images = tuple(
        Image(
            service=service,
            version=version,
            tags=image_tags(image_name(owner, service), version, highest),
        )
        for highest in [_is_highest(workspace, package, version)]
        for service in workspace.images_of(package)
    )
    return ReleasePlan(tag, package, version, wheels, images, notes)


def image_name(owner: str, service: str) -> str:
    """Return where an image is kept."""
    return f"ghcr.io/{owner.lower()}/sentiment-{service}"


def image_tags(name: str, version: str, highest: bool) -> tuple[str, ...]:
    """Return the names of an image: exact, minor, major, and latest for the highest version."""
    major, minor, _ = version.split(".")
    tags = [version, f"{major}.{minor}", major, *(["latest"] if highest else [])]
    return tuple(f"{name}:{tag}" for tag in tags)


def _check_pins(workspace: Workspace, package: str, *, released_together: bool) -> None:
    for sibling, pinned in workspace.pins(package).items():
        actual = workspace.version(sibling)
        if pinned != actual:
            raise ReleaseError(
                f"{package} pins {sibling}=={pinned}, but the workspace has {actual}."
            )
        tag = tag_of(sibling, pinned)
        if released_together:
            continue
        if tag not in workspace.git("tag", "--list").splitlines():
            raise ReleaseError(
                f"{package} pins {sibling}=={pinned}, which is not released: there is no tag {tag}."
            )
        # An image of the workspace holds the sibling as it is here, whatever the pin says.
        if workspace.git("diff", "--name-only", tag, "HEAD", "--", f"packages/{sibling}/src"):
            raise ReleaseError(f"{sibling} has changed since {tag}: release it before {package}.")


def _check_lock(workspace: Workspace) -> None:
    result = subprocess.run(
        ["uv", "lock", "--check", "-q"], cwd=workspace.root, capture_output=True, check=False
    )
    if result.returncode:
        raise ReleaseError("uv.lock is not up to date: run `uv lock`.")


def _is_highest(workspace: Workspace, package: str, version: str) -> bool:
    pattern = "v[0-9]*" if package == WHOLE_SET else f"{package}-v*"
    versions = [tag.rpartition("v")[2] for tag in workspace.git("tag", "-l", pattern).splitlines()]
    numbers = [tuple(map(int, v.split("."))) for v in versions if VERSION.fullmatch(v)]
    return tuple(map(int, version.split("."))) >= max(numbers, default=(0, 0, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", help="like sentiment-serve-v1.2.3, or v1.2.3 for the whole set")
    parser.add_argument("owner", help="of the images on GHCR")
    arguments = parser.parse_args()
    try:
        plan = plan_release(Workspace(Path.cwd()), arguments.tag, arguments.owner)
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    print(json.dumps(asdict(plan)))


if __name__ == "__main__":
    main()
