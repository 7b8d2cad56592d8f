"""Which packages CI has to test: ``python -m tools.changed_packages BASE`` prints a JSON list.

A change of core concerns all; so does a change of what all share. A file that nobody knows is an
error, so that a new folder cannot stay untested by accident.
"""

import json
import sys
from pathlib import Path

from tools.workspace import CORE, PACKAGES, ReleaseError, Workspace

_SHARED = (
    "pyproject.toml", "uv.lock", "noxfile.py", "conftest.py", "sentiment", "params.yaml",
    ".github/", ".ci/", "tools/",
)  # fmt: skip
_TESTED_ELSEWHERE = (
    "tests/", "bench/", "docs/", "services/", "plots/", ".dvc/", "docker-compose",
    "dvc.", "metrics.json", "prefect.yaml",
)  # fmt: skip
_SUFFIXES = (".md",)
_DOT_FILES = (
    ".dockerignore", ".dvcignore", ".env.example", ".gitignore", ".pre-commit-config.yaml",
    ".secrets.baseline", ".yamllint.yaml", "LICENSE",
)  # fmt: skip


def changed_packages(files: list[str]) -> list[str]:
    """Choose the packages to test.

    Parameters
    ----------
    files : list of str
        Changed files, relative to the root.

    Returns
    -------
    list of str
        Short names (core, train, serve, cli), in the order of release.

    Raises
    ------
    ReleaseError
        If a file belongs nowhere.
    """
    concerned: set[str] = set()
    for file in files:
        if file.startswith("packages/"):
            package = file.split("/")[1]
            if package not in PACKAGES:
                raise ReleaseError(f"{file} is in a package that tools/workspace.py does not name.")
            concerned |= set(PACKAGES) if package == CORE else dependants(package)
        elif file.startswith(_SHARED):
            concerned |= set(PACKAGES)
        elif not file.startswith(_TESTED_ELSEWHERE) and not (
            file.endswith(_SUFFIXES) or file in _DOT_FILES
        ):
            raise ReleaseError(f"{file}: tools/changed_packages.py does not know what it concerns.")
    return [name.removeprefix("sentiment-") for name in PACKAGES if name in concerned]


def dependants(package: str) -> set[str]:
    """Return a package and those that are built on it."""
    return {package, "sentiment-cli"} if package == "sentiment-train" else {package}


def main() -> None:
    workspace = Workspace(Path.cwd())
    try:
        base = sys.argv[1] if len(sys.argv) > 1 else ""
        known = base.strip("0") and workspace.git("cat-file", "-t", base) == "commit"
        files = workspace.git("diff", "--name-only", f"{base}...HEAD").splitlines() if known else []
        chosen = changed_packages(files) if known else changed_packages(["uv.lock"])
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    print(json.dumps(chosen))


if __name__ == "__main__":
    main()
