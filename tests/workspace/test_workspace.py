"""Rules that hold for all packages."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted((ROOT / "packages").iterdir())
PROJECTS = {
    path.name: tomllib.loads((path / "pyproject.toml").read_text())["project"] for path in PACKAGES
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_has_the_same_parts(package):
    module = package / "src" / package.name.replace("-", "_")
    for part in ("README.md", "CHANGELOG.md", "pyproject.toml", "tests"):
        assert (package / part).exists(), part
    assert (module / "py.typed").exists()
    assert (module / "__init__.py").exists()


@pytest.mark.parametrize("name", PROJECTS)
def test_siblings_are_pinned_to_the_version_in_the_workspace(name):
    """Inside the workspace uv ignores these pins, so a wrong one would ship in silence."""
    project = PROJECTS[name]
    extras = project.get("optional-dependencies", {}).values()
    for requirement in [*project["dependencies"], *(item for extra in extras for item in extra)]:
        sibling = re.match(r"sentiment-\w+", requirement)
        if sibling and "==" in requirement:
            assert requirement.endswith(f"=={PROJECTS[sibling[0]]['version']}"), requirement
        elif sibling:
            assert requirement in extras or "[" in requirement, f"{requirement} is not pinned"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_changelog_knows_the_version(name):
    changelog = (ROOT / "packages" / name / "CHANGELOG.md").read_text()
    assert f"## {PROJECTS[name]['version']}" in changelog


def test_the_env_example_names_every_setting():
    example = (ROOT / ".env.example").read_text()
    for path in (ROOT / "packages").glob("*/src/*/settings.py"):
        for field in re.findall(r"^    (\w+): [^=\n]+= Field", path.read_text(), re.MULTILINE):
            assert field.upper() in example, f"{field} of {path.name}"
