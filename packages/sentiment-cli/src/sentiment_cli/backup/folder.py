"""The folder of a complete backup.

It holds ``manifest.json``, ``manifest.sha256`` (which `sha256sum --check` reads), each dump as
``databases/NAME.dump``, and the content of each object as ``objects/AB/ABCD...`` by its SHA-256.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from sentiment_cli.backup.files import FileDigest, content_path, digest_of_file
from sentiment_cli.backup.manifest import FORMAT_VERSION, Manifest
from sentiment_core.errors import InvalidError, NotFoundError

MANIFEST: Final = "manifest.json"
MANIFEST_DIGEST: Final = "manifest.sha256"
DATABASES_FOLDER: Final = "databases"
OBJECTS_FOLDER: Final = "objects"
PARTIAL_SUFFIX: Final = ".partial"
"""What a backup is called until it is complete."""

OnProgress = Callable[[str], None]
"""Takes what is being done just now."""


@dataclass(frozen=True)
class Backup:
    """A folder that has a whole manifest; `verify` looks at the files that it names."""

    path: Path
    manifest: Manifest

    def dump(self, database: str) -> Path:
        """Name the file of a database."""
        return dump_path(self.path, database)

    def content(self, sha256: str) -> Path:
        """Name the file of an object's content."""
        return content_path(self.path / OBJECTS_FOLDER, sha256)


@dataclass(frozen=True)
class ListedBackup:
    """One line of a list of backups."""

    name: str
    state: str
    """complete, partial or damaged; `verify` alone looks into the files."""
    made_at: str | None = None
    databases: int | None = None
    objects: int | None = None
    size: int | None = None
    problem: str | None = None


def dump_path(folder: Path, database: str) -> Path:
    """Name the file of a database in the folder of a backup."""
    return folder / DATABASES_FOLDER / f"{database}.dump"


def partial_path(path: Path) -> Path:
    """Name the folder of a backup while it is being made."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


def open_backup(path: Path) -> Backup:
    """Read the manifest of a backup.

    Raises
    ------
    NotFoundError
        If the folder is no complete backup.
    InvalidError
        If the manifest is damaged, or of a format that this version does not know.
    """
    if path.name.endswith(PARTIAL_SUFFIX):
        raise NotFoundError(
            f"{path} is no backup yet: it was interrupted. Repeat the command that makes "
            f"{path.name.removesuffix(PARTIAL_SUFFIX)}, which goes on from there."
        )
    try:
        content = (path / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        made = "there is no such folder" if not path.exists() else f"it has no {MANIFEST}"
        raise NotFoundError(
            f"{path} is no backup: {made}. `sentiment-cli stack backup`, `backup create` and "
            "`backup-storage` make one; `sentiment-cli backup list FOLDER` shows those of a folder."
        ) from error
    _check_manifest_digest(path, content)
    return Backup(path, _read_manifest(path / MANIFEST, content))


def verify(backup: Backup, on_progress: OnProgress) -> dict[str, FileDigest]:
    """Compare every file of a backup with its manifest.

    Returns
    -------
    dict
        Digest of each object's content, by its SHA-256.

    Raises
    ------
    InvalidError
        If a file is missing or damaged; the message names it.
    """
    manifest = backup.manifest
    for database in manifest.databases:
        on_progress(f"database {database.name}")
        _check(backup.dump(database.name), database.size, database.sha256)
    digests: dict[str, FileDigest] = {}
    done, total = 0, manifest.object_count
    for bucket in manifest.buckets:
        for item in bucket.objects:
            done += 1
            on_progress(share(done, total))
            known = digests.get(item.sha256)
            if known is None:
                path = backup.content(item.sha256)
                digests[item.sha256] = _check(path, item.size, item.sha256)
            elif known.size != item.size:
                raise InvalidError(
                    f"{backup.path / MANIFEST} contradicts itself about the size of {item.key}: "
                    "use another backup."
                )
    return digests


def list_backups(folder: Path) -> list[ListedBackup]:
    """Show the backups in a folder, also those that are unfinished or damaged, by name.

    Raises
    ------
    NotFoundError
        If the folder does not exist.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is no folder: name the one that holds the backups.")
    found = []
    for path in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        if path.name.endswith(PARTIAL_SUFFIX):
            found.append(ListedBackup(path.name, "partial"))
        elif (path / MANIFEST).is_file():
            found.append(_listed(path))
    return found


def share(done: int, total: int) -> str:
    """Say how far the work on objects is."""
    return f"{done} of {total} objects ({100 * done // max(total, 1)}%)"


def _listed(path: Path) -> ListedBackup:
    try:
        manifest = open_backup(path).manifest
    except InvalidError as error:
        return ListedBackup(path.name, "damaged", problem=str(error))
    return ListedBackup(
        path.name, "complete", manifest.made_at.isoformat(timespec="seconds"),
        len(manifest.databases), manifest.object_count, manifest.size,
    )  # fmt: skip


def _check_manifest_digest(path: Path, content: bytes) -> None:
    try:
        expected = (path / MANIFEST_DIGEST).read_bytes()
    except FileNotFoundError as error:
        raise InvalidError(
            f"{path / MANIFEST_DIGEST} is missing: the backup is damaged, use another one."
        ) from error
    if expected != manifest_digest(content):
        raise InvalidError(
            f"{path / MANIFEST} is damaged: it is not what {MANIFEST_DIGEST} says. Use another "
            "backup."
        )


def manifest_digest(content: bytes) -> bytes:
    """Make the line that `sha256sum --check` reads."""
    return f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()


def _read_manifest(path: Path, content: bytes) -> Manifest:
    try:
        version = json.loads(content)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidError(f"{path} is no manifest of a backup.") from error
    if version != FORMAT_VERSION:
        raise InvalidError(
            f"{path} is of format {version}, and this version knows {FORMAT_VERSION}: use the "
            "sentiment-cli that made it, or a newer one."
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidError(
            f"{path} is no manifest of a backup ({where}: {problem['msg']})."
        ) from error


def _check(path: Path, size: int, sha256: str) -> FileDigest:
    try:
        if path.stat().st_size == size and (found := digest_of_file(path)).sha256 == sha256:
            return found
    except FileNotFoundError as error:
        raise InvalidError(f"{path} is missing: the backup is damaged, use another one.") from error
    raise InvalidError(
        f"{path} is damaged: it is not the file of the manifest. Use another backup."
    )
