"""Makes a release of one package, locally: ``./sentiment nox -s release -- sentiment-serve minor``.

Raises the version, writes the changelog from the commits, moves the pins of the siblings, locks,
commits and tags. Nothing is pushed: ``git push --follow-tags`` does that, and releases.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tools.changelog import add_section, entries_since, render_section
from tools.workspace import WHOLE_SET, ReleaseError, Workspace, bumped, tag_of


def release(workspace: Workspace, package: str, part: str) -> str:
    """Make a release and return its tag.

    Raises
    ------
    ReleaseError
        If the tree is not clean, or the tag exists.
    """
    if workspace.git("status", "--porcelain", "-uno"):
        raise ReleaseError("There are uncommitted changes: commit or stash them first.")
    former = workspace.version(package)
    version = bumped(former, part)
    tag = tag_of(package, version)
    tags = workspace.git("tag", "--list").splitlines()
    if tag in tags:
        raise ReleaseError(f"The tag {tag} exists already.")
    before = tag_of(package, former)
    entries = entries_since(workspace, package, before if before in tags else None)
    workspace.set_version(package, version)
    add_section(workspace.folder(package) / "CHANGELOG.md", render_section(version, entries))
    subprocess.run(["uv", "lock", "-q"], cwd=workspace.root, check=True)
    name = "the whole set" if package == WHOLE_SET else package
    workspace.git("commit", "-q", "-a", "-m", f"chore(release): {name} {version}")
    workspace.git("tag", "-a", tag, "-m", f"{name} {version}")
    return tag


def main() -> None:
    workspace = Workspace(Path.cwd())
    parser = argparse.ArgumentParser(prog="./sentiment nox -s release --", description=__doc__)
    parser.add_argument("package", choices=[*workspace.packages, WHOLE_SET])
    parser.add_argument("part", help="major, minor, patch, or a version")
    arguments = parser.parse_args()
    try:
        tag = release(workspace, arguments.package, arguments.part)
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    print(f"{tag} is committed and tagged. Release it with: git push --follow-tags")


if __name__ == "__main__":
    main()
