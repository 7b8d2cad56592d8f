"""Makes a backup: under another name until all of it is on the disk."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

from sentiment_cli.backup.bucket import Bucket, ListedObject
from sentiment_cli.backup.files import (
    content_path,
    digest_of_file,
    store_by_content,
    sync,
    write_durably,
)
from sentiment_cli.backup.folder import (
    DATABASES_FOLDER,
    MANIFEST,
    MANIFEST_DIGEST,
    OBJECTS_FOLDER,
    PARTIAL_SUFFIX,
    Backup,
    OnProgress,
    dump_path,
    manifest_digest,
    partial_path,
    share,
)
from sentiment_cli.backup.manifest import Manifest, SavedBucket, SavedDatabase, SavedObject
from sentiment_cli.backup.servers import Servers
from sentiment_core.errors import ConflictError, InputError, NotFoundError, RefusedError

_JOURNAL: Final = "copied.jsonl"
_LOCK: Final = "lock"


@dataclass(frozen=True)
class _Copied:
    """A line of the journal: this object, with this ETag, has this content."""

    bucket: str
    key: str
    etag: str
    size: int
    sha256: str


def create_backup(
    path: Path,
    servers: Servers,
    databases: Sequence[str],
    buckets: Sequence[str],
    on_progress: OnProgress,
) -> Backup:
    """Copy databases and buckets into a new folder; work may go on meanwhile.

    The databases come first: whatever they name is in the buckets by then. Until all is on the
    disk, the folder is called ``NAME.partial``; what an interrupted attempt has copied into that is
    used again where the store still has the same.

    Parameters
    ----------
    path : Path
        The folder, which must not exist.
    databases : sequence of str
        None of them needs a database server.

    Raises
    ------
    ConflictError
        If the folder exists, or another process makes it at this moment.
    InputError
        If it cannot be the name of a backup.
    SentimentError
        If the database or the store refuses.
    """
    path = path.absolute()
    if path.name.endswith(PARTIAL_SUFFIX):
        raise InputError(f"{path.name}: a name with {PARTIAL_SUFFIX} is that of an unfinished one.")
    _check_new(path)
    partial = partial_path(path)
    with _locked(partial):
        _check_new(path)  # another process may just have finished
        saved = _save_databases(partial, servers, databases, on_progress)
        with _Journal(partial) as journal:
            copied = [
                _save_bucket(partial, Bucket(name, servers.store), journal, on_progress)
                for name in buckets
            ]
        manifest = Manifest(
            tool_version=version("sentiment-cli"),
            made_at=datetime.now(UTC),
            postgres_major=servers.required_databases().dump_major() if databases else None,
            databases=saved,
            buckets=copied,
        )
        on_progress("writing it to the disk")
        _finish(partial, manifest)
        partial.rename(path)
        sync(path.parent)
        for name in (_JOURNAL, _LOCK):
            (path / name).unlink(missing_ok=True)
    return Backup(path, manifest)


def _check_new(path: Path) -> None:
    if path.is_symlink() or path.exists():
        raise ConflictError(f"{path} exists already: name a new folder.")


@contextmanager
def _locked(partial: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    partial.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(partial / _LOCK, timeout=0):
            yield
    except Timeout as error:
        raise ConflictError(
            f"Another process writes {partial} at this moment: wait for its end, or name another."
        ) from error


def _save_databases(
    partial: Path, servers: Servers, databases: Sequence[str], on_progress: OnProgress
) -> list[SavedDatabase]:
    folder = partial / DATABASES_FOLDER
    # A dump is of one moment: that of an earlier attempt is of no use.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    saved = []
    for name in databases:
        on_progress(f"database {name}")
        target = dump_path(partial, name)
        servers.required_databases().dump(name, target)
        sync(target)
        digest = digest_of_file(target)
        saved.append(SavedDatabase(name=name, size=digest.size, sha256=digest.sha256))
    return saved


def _save_bucket(
    partial: Path, bucket: Bucket, journal: "_Journal", on_progress: OnProgress
) -> SavedBucket:
    listed = list(bucket.list())
    saved = []
    for done, item in enumerate(listed, 1):
        on_progress(f"bucket {bucket.name}: {share(done, len(listed))}")
        copied = journal.reusable(bucket.name, item) or _copy(partial, bucket, item)
        if copied is not None:
            journal.add(copied)
            saved.append(SavedObject(key=item.key, size=copied.size, sha256=copied.sha256))
    return SavedBucket(name=bucket.name, objects=saved)


def _copy(partial: Path, bucket: Bucket, item: ListedObject) -> _Copied | None:
    """Copy an object; None if it was deleted since it was listed."""
    try:
        etag, chunks = bucket.read(item.key)
    except NotFoundError as error:
        if item.key in bucket.list_if_there():
            raise RefusedError(
                f"The store lists {item.key!r} in the bucket {bucket.name}, but does not give it: "
                "delete or repair the object, and repeat the command."
            ) from error
        return None
    digest = store_by_content(chunks, partial / OBJECTS_FOLDER)
    return _Copied(bucket.name, item.key, etag, digest.size, digest.sha256)


def _finish(partial: Path, manifest: Manifest) -> None:
    """Leave what the manifest names, all of it on the disk, and the manifest last."""
    named = {item.sha256 for bucket in manifest.buckets for item in bucket.objects}
    objects = partial / OBJECTS_FOLDER
    objects.mkdir(exist_ok=True)
    for file in [file for file in objects.rglob("*") if file.is_file()]:
        if file.name not in named:
            file.unlink()  # of an interrupted attempt
    content = (manifest.model_dump_json(indent=1) + "\n").encode()
    write_durably(partial / MANIFEST_DIGEST, manifest_digest(content))
    write_durably(partial / MANIFEST, content)
    for folder, _folders, _files in os.walk(partial, topdown=False):
        sync(Path(folder))


class _Journal:
    """What was copied so far, for an attempt that follows an interrupted one."""

    def __init__(self, partial: Path) -> None:
        self._path = partial / _JOURNAL
        self._objects = partial / OBJECTS_FOLDER
        self._known = {(line.bucket, line.key): line for line in self._read()}

    def __enter__(self) -> "_Journal":
        self._file: IO[str] = self._path.open("a", encoding="utf-8")
        self._file.write("\n")  # the last line may be unfinished
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def reusable(self, bucket: str, item: ListedObject) -> _Copied | None:
        """Find the copy of an object that is still the same; its file is hashed again."""
        copied = self._known.get((bucket, item.key))
        if copied is None or (copied.etag, copied.size) != (item.etag, item.size):
            return None
        try:
            digest = digest_of_file(content_path(self._objects, copied.sha256))
        except OSError:
            return None
        return copied if digest.sha256 == copied.sha256 else None

    def add(self, copied: _Copied) -> None:
        """Remember a copy."""
        if self._known.get((copied.bucket, copied.key)) != copied:
            self._file.write(json.dumps(asdict(copied)) + "\n")
            self._file.flush()

    def _read(self) -> Iterator[_Copied]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                fields: Mapping[str, Any] = json.loads(line)
                yield _Copied(**fields)
            except (ValueError, TypeError):
                continue  # unfinished
