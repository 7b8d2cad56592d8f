"""docs/dependencies.md has a row for each direct dependency, and for nothing else."""

import re
import tomllib
from collections import Counter, defaultdict
from itertools import chain

from tests.workspace.test_workspace import PACKAGES, ROOT

PAGE = ROOT / "docs" / "dependencies.md"
COLUMNS = 5


def requirements(content):
    """Return all that a pyproject file asks for, wherever it does."""
    project = content["project"]
    return chain(
        project.get("dependencies", ()),
        chain.from_iterable(project.get("optional-dependencies", {}).values()),
        (
            requirement
            for group in content.get("dependency-groups", {}).values()
            for requirement in group
            if isinstance(requirement, str)
        ),
        content.get("build-system", {}).get("requires", ()),
    )


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared():
    """Map each direct dependency to the packages whose pyproject file names it."""
    files = {path.name.removeprefix("sentiment-"): path for path in PACKAGES}
    users = defaultdict(set)
    for user, folder in {**files, "workspace": ROOT}.items():
        for requirement in requirements(tomllib.loads((folder / "pyproject.toml").read_text())):
            name = normalised(re.match(r"[\w.-]+", requirement)[0])
            if name not in {package.name for package in PACKAGES}:
                users[name].add(user)
    return users


def rows():
    """Return the cells of all rows of the page's tables, without their heads."""
    lines = (line for line in PAGE.read_text().splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [row for row in cells if row[0] not in {"Dependency", "---"}]


def test_every_direct_dependency_has_a_row_that_names_its_users():
    on_the_page = {row[0]: set(row[1].split(", ")) for row in rows()}
    assert on_the_page == declared()


def test_no_row_comes_twice_or_leaves_a_cell_empty():
    repeated = [name for name, count in Counter(row[0] for row in rows()).items() if count > 1]
    assert repeated == []
    assert [row for row in rows() if len(row) != COLUMNS or not all(row)] == []


def test_no_licence_is_excepted_for_what_is_not_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = {
        package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    assert set(project["tool"]["licences"]["exceptions"]) <= locked
