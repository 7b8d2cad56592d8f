"""The packages of the workspace: their versions and the pins between them."""

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORE = "sentiment-core"
PACKAGES = (CORE, "sentiment-train", "sentiment-serve", "sentiment-cli")
"""In the order in which they are released."""

WHOLE_SET = "all"
"""Stands for the workspace itself: its tags are plain versions."""

IMAGES = {
    "sentiment-serve": ("fastapi",),
    "sentiment-train": ("training",),
    WHOLE_SET: ("fastapi", "training", "mlflow", "prefect"),
}
"""Which images a release builds, by the names of their folders."""

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class ReleaseError(Exception):
    """The workspace is not fit for what was asked; the message says why."""


@dataclass(frozen=True)
class Workspace:
    """A checkout of the project."""

    root: Path

    def folder(self, package: str) -> Path:
        """Return where a package is."""
        return self.root if package == WHOLE_SET else self.root / "packages" / package

    def project(self, package: str) -> dict[str, Any]:
        """Read the ``project`` table of a package."""
        content = (self.folder(package) / "pyproject.toml").read_text(encoding="utf-8")
        project: dict[str, Any] = tomllib.loads(content)["project"]
        return project

    def version(self, package: str) -> str:
        """Return the version that a package has now."""
        return str(self.project(package)["version"])

    def pins(self, package: str) -> dict[str, str]:
        """Return the versions that a package pins its siblings to."""
        project = self.project(package)
        extras = project.get("optional-dependencies", {}).values()
        requirements = [*project.get("dependencies", ()), *(r for extra in extras for r in extra)]
        found = (re.match(r"(sentiment-\w+)(?:\[.*\])?==(.+)", item) for item in requirements)
        return {match[1]: match[2].strip() for match in found if match}

    def set_version(self, package: str, version: str) -> None:
        """Write a package's version, and the pins to it in its siblings."""
        path = self.folder(package) / "pyproject.toml"
        content = path.read_text(encoding="utf-8")
        content = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', content, count=1)
        path.write_text(content, encoding="utf-8")
        for sibling in PACKAGES:
            path = self.folder(sibling) / "pyproject.toml"
            content = path.read_text(encoding="utf-8")
            pinned = re.sub(rf'("{package}(?:\[[^]]*\])?==)[^"]+"', rf'\g<1>{version}"', content)
            path.write_text(pinned, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git here and return what it prints."""
        result = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise ReleaseError(f"git {arguments[0]} failed: {result.stderr.strip()}")
        return result.stdout.strip()


def tag_of(package: str, version: str) -> str:
    """Name the tag of a release."""
    return f"v{version}" if package == WHOLE_SET else f"{package}-v{version}"


def parse_tag(tag: str) -> tuple[str, str]:
    """Split a tag into package and version.

    Raises
    ------
    ReleaseError
        If it is not of that form, or names no package.
    """
    package, _, version = tag.rpartition("v")
    package = package.removesuffix("-") or WHOLE_SET
    if package not in (*PACKAGES, WHOLE_SET) or not VERSION.fullmatch(version):
        raise ReleaseError(f"{tag} is no release tag: it must be like {CORE}-v1.2.3 or v1.2.3.")
    return package, version


def bumped(version: str, part: str) -> str:
    """Return the next version.

    Parameters
    ----------
    version : str
        For example ``0.1.0``.
    part : {"major", "minor", "patch"} or a version
        Which number rises; those behind it become 0.
    """
    if VERSION.fullmatch(part):
        return part
    numbers = [int(number) for number in version.split(".")]
    try:
        position = ("major", "minor", "patch").index(part)
    except ValueError:
        raise ReleaseError(f"{part} is neither major, minor, patch nor a version.") from None
    numbers[position] += 1
    numbers[position + 1 :] = [0] * (2 - position)
    return ".".join(map(str, numbers))
