"""What the workspace consists of, read from its tree: packages, what they need, and images.

``python -m tools.workspace PACKAGE`` prints the packages that one brings along, a line each.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

WHOLE_SET = "all"
"""Stands for the workspace itself: its tags are plain versions."""

DOCKERFILE = "services/Dockerfile"
"""Each image is a stage of it with a title; its name is the stage's."""

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class ReleaseError(Exception):
    """The workspace is not fit for what was asked; the message says why."""


@dataclass(frozen=True)
class Workspace:
    """A checkout of the project."""

    root: Path

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages in the order in which they are released: what others need comes first."""
        names = sorted(path.parent.name for path in self.root.glob("packages/*/pyproject.toml"))
        needs = {name: sorted(self.pins(name)) for name in names}
        return tuple(TopologicalSorter(needs).static_order())

    @property
    def images(self) -> dict[str, str]:
        """Map each image to the package whose releases build it.

        Images that no package brings along are the whole set's.
        """
        titled = "org.opencontainers.image.title"
        text = (self.root / DOCKERFILE).read_text(encoding="utf-8")
        stages = re.findall(r"(?ms)^FROM \S+ AS (\S+)$(.*?)(?=^FROM |\Z)", text)
        images = {}
        for stage, lines in stages:
            if titled in lines:
                label = re.search(r'\breleased-with="(.*?)"', lines)
                images[stage] = label[1] if label else WHOLE_SET
        for image, package in images.items():
            if package not in (*self.packages, WHOLE_SET):
                raise ReleaseError(
                    f"{DOCKERFILE}: {image} is released with {package}, which is no package."
                )
        return images

    def images_of(self, package: str) -> tuple[str, ...]:
        """Return the images that a release builds; those of packages are never built twice."""
        return tuple(name for name, owner in self.images.items() if owner == package)

    def folder(self, package: str) -> Path:
        """Return where a package is."""
        return self.root if package == WHOLE_SET else self.root / "packages" / package

    def configuration(self, package: str) -> dict[str, Any]:
        """Read the pyproject file of a package."""
        return tomllib.loads((self.folder(package) / "pyproject.toml").read_text(encoding="utf-8"))

    def project(self, package: str) -> dict[str, Any]:
        """Read the ``project`` table of a package."""
        project: dict[str, Any] = self.configuration(package)["project"]
        return project

    def version(self, package: str) -> str:
        """Return the version that a package has now."""
        return str(self.project(package)["version"])

    def pins(self, package: str) -> dict[str, str]:
        """Return the versions that a package pins its siblings to."""
        requirements = self._requirements(package, self._extras(package))
        found = (re.match(r"(sentiment-\w+)(?:\[.*\])?==(.+)", item) for item in requirements)
        return {match[1]: match[2].strip() for match in found if match}

    def test_extras(self, package: str) -> tuple[str, ...]:
        """Return the extras that a package's own tests need."""
        return tuple(self.configuration(package)["tool"]["sentiment"]["test-extras"])

    def brought_along(self, package: str, extras: Iterable[str] = ()) -> set[str]:
        """Return the packages that an installation of one brings along, directly or not."""
        found = set()
        for requirement in self._requirements(package, extras):
            sibling = re.match(r"(sentiment-\w+)(?:\[(.*?)\])?", requirement)
            if sibling:
                more = re.split(r"\s*,\s*", sibling[2]) if sibling[2] else ()
                found |= {sibling[1]} | self.brought_along(sibling[1], more)
        return found - {package}

    def tested_with(self, package: str) -> set[str]:
        """Return the packages whose tests see one, itself among them."""
        return {package} | {
            name
            for name in self.packages
            if package in self.brought_along(name, self.test_extras(name))
        }

    def _extras(self, package: str) -> tuple[str, ...]:
        return tuple(self.project(package).get("optional-dependencies", {}))

    def _requirements(self, package: str, extras: Iterable[str]) -> list[str]:
        project = self.project(package)
        requirements = list(project.get("dependencies", ()))
        for extra in extras:
            requirements += project["optional-dependencies"][extra]
        return requirements

    def parse_tag(self, tag: str) -> tuple[str, str]:
        """Split a tag into package and version.

        Raises
        ------
        ReleaseError
            If it is not of that form, or names no package.
        """
        package, _, version = tag.rpartition("v")
        package = package.removesuffix("-") or WHOLE_SET
        if package not in (*self.packages, WHOLE_SET) or not VERSION.fullmatch(version):
            raise ReleaseError(
                f"{tag} is no release tag: it must be like {self.packages[0]}-v1.2.3 or v1.2.3."
            )
        return package, version

    def set_version(self, package: str, version: str) -> None:
        """Write a package's version, and the pins to it in its siblings."""
        path = self.folder(package) / "pyproject.toml"
        content = path.read_text(encoding="utf-8")
        content = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', content, count=1)
        path.write_text(content, encoding="utf-8")
        for sibling in self.packages:
            path = self.folder(sibling) / "pyproject.toml"
            content = path.read_text(encoding="utf-8")
            pinned = re.sub(rf'("{package}(?:\[[^]]*\])?==)[^"]+"', rf'\g<1>{version}"', content)
            path.write_text(pinned, encoding="utf-8")

    def released(self, package: str) -> list[str]:
        """Return the versions of a package that have a tag."""
        pattern = tag_of(package, "*") if package != WHOLE_SET else "v[0-9]*"
        tags = self.git("tag", "--list", pattern).splitlines()
        versions = [tag.rpartition("v")[2] for tag in tags]
        return [version for version in versions if VERSION.fullmatch(version)]

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


def main() -> None:
    workspace = Workspace(Path.cwd())
    (package,) = sys.argv[1:]
    for name in sorted(workspace.brought_along(package, workspace.test_extras(package))):
        print(name)


if __name__ == "__main__":
    main()
