"""What a tag releases, after every check: ``python -m tools.release_plan TAG OWNER``.

Prints one JSON object, which release.yml turns into jobs.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.changelog import section_of
from tools.workspace import WHOLE_SET, ReleaseError, Workspace, tag_of


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
    # The whole set is a list of what its packages have released: nothing is built again.
    wheels = () if package == WHOLE_SET else (package,)
    for name in wheels or workspace.packages:
        _check_pins(workspace, name)
    if package == WHOLE_SET:
        for name in workspace.packages:
            _check_released(workspace, name, workspace.version(name), "the whole set")
    _check_lock(workspace)
    released = workspace.released(package)
    images = tuple(
        Image(service, version, image_tags(image_name(owner, service), version, released))
        for service in workspace.images_of(package)
    )
    return ReleasePlan(tag, package, version, wheels, images, notes)


def image_name(owner: str, service: str) -> str:
    """Return where an image is kept."""
    return f"ghcr.io/{owner.lower()}/sentiment-{service}"


def image_tags(name: str, version: str, released: Iterable[str]) -> tuple[str, ...]:
    """Return the names of an image; a name that moves only ever moves to a higher version.

    Parameters
    ----------
    name : str
        Without a tag.
    version : str
        For example ``1.2.3``, which is always among the names. ``1.2``, ``1`` and ``latest`` are if
        nothing higher of the same minor, major or of all was released.
    released : iterable of str
        All versions that have a tag.
    """
    number = _numbers(version)
    higher = [other for other in map(_numbers, released) if other > number]
    free = [
        number[:length]
        for length in (2, 1, 0)
        if not any(other[:length] == number[:length] for other in higher)
    ]
    tags = [version, *(".".join(map(str, prefix)) or "latest" for prefix in free)]
    return tuple(f"{name}:{tag}" for tag in tags)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _check_pins(workspace: Workspace, package: str) -> None:
    for sibling, pinned in workspace.pins(package).items():
        actual = workspace.version(sibling)
        if pinned != actual:
            raise ReleaseError(
                f"{package} pins {sibling}=={pinned}, but the workspace has {actual}."
            )
        _check_released(workspace, sibling, pinned, package)


def _check_released(workspace: Workspace, package: str, version: str, reader: str) -> None:
    """Require that the code of a package is that of its release: images hold it as it is here."""
    tag = tag_of(package, version)
    if version not in workspace.released(package):
        raise ReleaseError(
            f"{reader} needs {package}=={version}, which is not released: there is no tag {tag}."
        )
    if workspace.git("diff", "--name-only", tag, "HEAD", "--", f"packages/{package}/src"):
        raise ReleaseError(f"{package} has changed since {tag}: release it before {reader}.")


def _check_lock(workspace: Workspace) -> None:
    result = subprocess.run(
        ["uv", "lock", "--check", "-q"], cwd=workspace.root, capture_output=True, check=False
    )
    if result.returncode:
        raise ReleaseError("uv.lock is not up to date: run `uv lock`.")


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
