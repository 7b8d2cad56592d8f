"""Which packages CI has to test: ``python -m tools.changed_packages BASE`` prints a JSON list.

A change of a package concerns those that are built on it, too; a change of what all share concerns
all. A file that nobody knows is an error, so that a new folder cannot stay untested by accident.
"""

import json
import sys
from pathlib import Path

from tools.workspace import ReleaseError, Workspace

_SHARED = (
    "pyproject.toml", "uv.lock", "noxfile.py", "conftest.py", "sentiment", "params.yaml",
    "params.imdb.yaml", "behaviour.yaml",
    ".github/", ".ci/", "tools/",
)  # fmt: skip
_TESTED_ELSEWHERE = (
    "tests/", "bench/", "docs/", "services/", "plots/", ".dvc/", "docker-compose",
    "dvc.", "metrics.json", "prefect.yaml",
)  # fmt: skip
_SUFFIXES = (".md",)
_ROOT_FILES = (
    ".dockerignore", ".dvcignore", ".env.example", ".gitignore", ".pre-commit-config.yaml",
    ".secrets.baseline", ".yamllint.yaml", "LICENSE", "mkdocs.yml",
)  # fmt: skip


def changed_packages(workspace: Workspace, files: list[str]) -> list[str]:
    """Choose the packages to test.

    Parameters
    ----------
    workspace : Workspace
        The checkout.
    files : list of str
        Changed files, relative to the root.

    Returns
    -------
    list of str
        Short names such as ``core``, in the order of release.

    Raises
    ------
    ReleaseError
        If a file belongs nowhere.
    """
    packages = workspace.packages
    concerned: set[str] = set()
    for file in files:
        if file.startswith("packages/"):
            package = file.split("/")[1]
            if package not in packages:
                raise ReleaseError(f"{file} is in no package: packages/{package} has no pyproject.")
            concerned |= workspace.tested_with(package)
        elif file.startswith(_SHARED):
            concerned |= set(packages)
        elif not file.startswith(_TESTED_ELSEWHERE) and not (
            file.endswith(_SUFFIXES) or file in _ROOT_FILES
        ):
            raise ReleaseError(f"{file}: tools/changed_packages.py does not know what it concerns.")
    return [name.removeprefix("sentiment-") for name in packages if name in concerned]


def main() -> None:
    workspace = Workspace(Path.cwd())
    try:
        base = sys.argv[1] if len(sys.argv) > 1 else ""
        known = base.strip("0") and workspace.git("cat-file", "-t", base) == "commit"
        files = workspace.git("diff", "--name-only", f"{base}...HEAD").splitlines() if known else []
        chosen = changed_packages(workspace, files if known else ["uv.lock"])
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    print(json.dumps(chosen))


if __name__ == "__main__":
    main()
