"""Gives the project your names: ``./sentiment nox -s make_yours -- --owner acme``.

Changes the owner of the images and links, the team that reviews, and the registered model's name,
everywhere at once. The present names are read from the files that define them, so it can be run
again with other names, or the same. Changelogs and the lock file stay as they are.
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from tools.workspace import ReleaseError, Workspace

_REGISTRY_NAMES = Path("packages/sentiment-core/src/sentiment_core/registry_names.py")
_CODEOWNERS = Path(".github/CODEOWNERS")
_COMPOSE = Path("docker-compose.yml")

_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}"
_RULES = {
    "owner": (
        _OWNER,
        "a GitHub owner has 1 to 39 letters, digits and single hyphens, none at an end",
    ),
    "team": (
        rf"@{_OWNER}(?:/[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)?",
        "a reviewer is @user or @organisation/team",
    ),
    "model_name": (
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?",
        "a model's name has 1 to 100 letters, digits, dots, hyphens and underscores, with a letter "
        "or digit at both ends: it stands in URIs, file names and MLflow",
    ),
}


@dataclass(frozen=True)
class Names:
    """What differs between one owner's copy of the project and another's."""

    owner: str
    team: str
    model_name: str


def present_names(root: Path) -> Names:
    """Read the names from the files that define them.

    Raises
    ------
    ReleaseError
        If a file does not define its name.
    """
    return Names(
        owner=_find(root, _COMPOSE, rf"ghcr\.io/\$\{{IMAGE_OWNER:-({_OWNER})\}}"),
        team=_find(root, _CODEOWNERS, r"^\*\s+(@\S+)"),
        model_name=_find(root, _REGISTRY_NAMES, r'^DEFAULT_MODEL_NAME: Final = "([^"]+)"'),
    )


def make_yours(workspace: Workspace, new: Names, *, dry_run: bool = False) -> dict[Path, int]:
    """Put new names in the place of the present ones.

    Parameters
    ----------
    workspace : Workspace
        A checkout; files that git does not track are left alone.
    new : Names
        The names to have.
    dry_run : bool
        Only count.

    Returns
    -------
    dict of Path to int
        The changed files, and how many names each had.

    Raises
    ------
    ReleaseError
        If a name is not valid.
    """
    for field in fields(new):
        pattern, rule = _RULES[field.name]
        value = getattr(new, field.name)
        if not re.fullmatch(pattern, value):
            option = field.name.replace("_", "-")
            raise ReleaseError(f"--{option} {value!r} is not valid: {rule}.")
    old = present_names(workspace.root)
    changed = {}
    for name in workspace.git("ls-files").splitlines():
        path = Path(name)
        file = workspace.root / path
        if path.name in ("CHANGELOG.md", "uv.lock") or file.is_symlink() or not file.is_file():
            continue
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        count = 0
        for pattern, value in _replacements(path, old, new):
            text, found = re.subn(pattern, _as_is(value), text, flags=re.MULTILINE)
            count += found
        if count:
            changed[path] = count
            if not dry_run:
                file.write_bytes(text.encode())
    return changed


def _replacements(path: Path, old: Names, new: Names) -> list[tuple[str, str]]:
    """Return patterns of the present names where they are names, and what they become."""
    result = []
    if old.owner != new.owner:
        owner = re.escape(old.owner)
        result += [
            # Image registries are lower case, links as GitHub writes the owner.
            (rf"(?i)(?<=ghcr\.io/){owner}(?=/)", new.owner.lower()),
            (rf"(?i)(?<=ghcr\.io/\$\{{IMAGE_OWNER:-){owner}(?=\}})", new.owner.lower()),
            (rf"(?i)(?<=^#IMAGE_OWNER=){owner}$", new.owner.lower()),
            (rf"(?i)(?<=github\.com/){owner}(?=/)", new.owner),
            (rf"(?i)(?<=githubusercontent\.com/){owner}(?=/)", new.owner),
            (rf"(?i)(?<=codecov\.io/gh/){owner}(?=/)", new.owner),
            (rf"(?i)\b{owner}(?=\.github\.io/)", new.owner.lower()),
        ]
    if path == _CODEOWNERS and old.team != new.team:
        result.append((rf"(?<!\S){re.escape(old.team)}(?!\S)", new.team))
    if old.model_name != new.model_name:
        name = re.escape(old.model_name)
        result.append((rf"(?<![\w.-]){name}(?![\w-]|\.\w)", new.model_name))
    return result


def _as_is(value: str) -> Callable[[re.Match[str]], str]:
    return lambda _match: value


def _find(root: Path, path: Path, pattern: str) -> str:
    match = re.search(pattern, (root / path).read_text(encoding="utf-8"), re.MULTILINE)
    if not match:
        raise ReleaseError(f"{path} does not say the present name (looked for {pattern}).")
    return match[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./sentiment nox -s make_yours --", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--owner", help="GitHub user or organisation: of images, links and badges")
    parser.add_argument("--team", help="who reviews [default: the owner, where that changes]")
    parser.add_argument("--model-name", help="of the registered model and its experiment")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    arguments = parser.parse_args()
    given = {name: getattr(arguments, name) for name in ("owner", "team", "model_name")}
    if not any(given.values()):
        parser.error("name what to change: --owner, --team or --model-name")
    workspace = Workspace(Path.cwd())
    try:
        old = present_names(workspace.root)
        if given["owner"] and not given["team"] and given["owner"].lower() != old.owner.lower():
            given["team"] = f"@{given['owner']}"
        new = replace(old, **{name: value for name, value in given.items() if value is not None})
        changed = make_yours(workspace, new, dry_run=arguments.dry_run)
    except ReleaseError as error:
        sys.exit(f"Error: {error}")
    for field in fields(Names):
        before, after = getattr(old, field.name), getattr(new, field.name)
        same = "" if before != after else " (as it was)"
        print(f"{field.name.replace('_', ' ')}: {before} -> {after}{same}")
    for path, count in changed.items():
        print(f"  {path}: {count}")
    if not changed:
        print("Nothing to do: the names are these already.")
    elif arguments.dry_run:
        print("Nothing was written (--dry-run).")
    else:
        print("Look with `git diff`, test with `./sentiment test`, and commit.")


if __name__ == "__main__":
    main()
