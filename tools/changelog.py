"""Changelogs from Conventional Commits (conventionalcommits.org)."""

import re
from datetime import UTC, datetime
from pathlib import Path

from tools.workspace import WHOLE_SET, ReleaseError, Workspace

_SUBJECT = re.compile(r"(?P<type>\w+)(?:\((?P<scope>[^)]*)\))?(?P<breaking>!)?: (?P<text>.+)")
_HEADINGS = {"feat": "Added", "fix": "Fixed", "perf": "Faster", "refactor": "Changed"}
_BREAKING = "Breaking"
_TITLE = "# Changelog\n"


def entries_since(workspace: Workspace, package: str, tag: str | None) -> dict[str, list[str]]:
    """Collect what was committed to a package since a tag, by heading.

    Parameters
    ----------
    workspace : Workspace
        The checkout.
    package : str
        Only commits that touch its folder count.
    tag : str or None
        The release before; None takes all commits.

    Returns
    -------
    dict of str to list of str
        Headings without entries are left out.
    """
    path = "." if package == WHOLE_SET else f"packages/{package}"
    commits = workspace.git(
        "log", "--no-merges", "--format=%s%x1f%b%x1e", f"{tag}..HEAD" if tag else "HEAD", "--", path
    )
    entries: dict[str, list[str]] = {}
    for commit in filter(None, (part.strip() for part in commits.split("\x1e"))):
        subject, _, body = commit.partition("\x1f")
        match = _SUBJECT.fullmatch(subject.strip())
        if not match:
            continue
        breaking = match["breaking"] or "BREAKING CHANGE:" in body
        heading = _BREAKING if breaking else _HEADINGS.get(match["type"])
        text = match["text"][0].upper() + match["text"][1:]
        if heading and text not in entries.setdefault(heading, []):
            entries[heading].append(text)
    order = (_BREAKING, *_HEADINGS.values())
    return {heading: entries[heading] for heading in order if entries.get(heading)}


def render_section(version: str, entries: dict[str, list[str]]) -> str:
    """Render one release; without entries it says so."""
    lines = [f"## {version} ({datetime.now(UTC):%Y-%m-%d})", ""]
    if not entries:
        lines += ["Nothing changed but what it depends on.", ""]
    for heading, texts in entries.items():
        lines += [f"### {heading}", "", *(f"- {text}" for text in texts), ""]
    return "\n".join(lines)


def add_section(path: Path, section: str) -> None:
    """Put a release before the others."""
    content = path.read_text(encoding="utf-8") if path.exists() else _TITLE
    head, separator, rest = content.partition("\n## ")
    path.write_text(f"{head.rstrip()}\n\n{section.rstrip()}\n{separator}{rest}", encoding="utf-8")


def section_of(path: Path, version: str) -> str:
    """Read the section of a version, without its heading.

    Raises
    ------
    ReleaseError
        If there is none, or it is empty.
    """
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    heading = rf"^## {re.escape(version)}(?: [^\n]*)?\n"
    match = re.search(rf"(?ms){heading}(?P<body>.*?)(?=^## |\Z)", content)
    if not match or not match["body"].strip():
        raise ReleaseError(f"{path} has no section for {version}.")
    return match["body"].strip()
