"""Restores a backup: nothing is lost before all of it is there.

Databases are loaded beside those that they replace, objects are written, the databases are swapped
in one transaction, and only then are the objects that the backup lacks deleted, and the former
databases dropped. A restore that was interrupted anywhere is completed by repeating it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from sentiment_cli.backup.bucket import Bucket, ListedObject
from sentiment_cli.backup.files import FileDigest, digest_of_chunks
from sentiment_cli.backup.folder import Backup, OnProgress, share, verify
from sentiment_cli.backup.manifest import SavedBucket, SavedObject
from sentiment_cli.backup.servers import Servers
from sentiment_cli.buckets import make_buckets
from sentiment_core.errors import ConflictError, NotFoundError, RefusedError


@dataclass(frozen=True)
class BucketChanges:
    """What a restore does to a bucket."""

    name: str
    add: tuple[str, ...]
    replace: tuple[str, ...]
    delete: tuple[str, ...]
    unchanged: int


@dataclass(frozen=True)
class Changes:
    """What a restore does."""

    create_databases: tuple[str, ...]
    replace_databases: tuple[str, ...]
    buckets: tuple[BucketChanges, ...]

    @property
    def is_harmless(self) -> bool:
        """Whether all that is there stays as it is."""
        return not self.replace_databases and not any(
            bucket.replace or bucket.delete for bucket in self.buckets
        )

    def sentences(self) -> Iterator[str]:
        """Say it for people."""
        for name in self.create_databases:
            yield f"database {name}: created"
        for name in self.replace_databases:
            yield f"database {name}: replaced"
        for bucket in self.buckets:
            yield (
                f"bucket {bucket.name}: {len(bucket.add)} objects added, {len(bucket.replace)} "
                f"replaced, {len(bucket.delete)} deleted, {bucket.unchanged} unchanged"
            )


class Restore:
    """A verified backup and the servers that are to become equal to it.

    Parameters
    ----------
    backup : Backup
        All its files are verified first.
    servers : Servers
        Those of the databases are needed where `with_databases` says so.
    with_databases : bool
        Whether the databases of the backup are restored too, or its buckets alone.

    Raises
    ------
    SentimentError
        If the backup cannot be used, here or at all; nothing was changed.
    """

    def __init__(
        self, backup: Backup, servers: Servers, *, with_databases: bool, on_progress: OnProgress
    ) -> None:
        self._backup = backup
        self._servers = servers
        self._digests = verify(backup, on_progress)
        self._databases = (
            [database.name for database in backup.manifest.databases] if with_databases else []
        )
        self._buckets = {
            saved.name: Bucket(saved.name, servers.store) for saved in backup.manifest.buckets
        }
        if with_databases:
            self._check_databases()

    def plan(self, on_progress: OnProgress) -> Changes:
        """Compare what is there with the backup; nothing is changed."""
        existing: list[str] = []
        if self._databases:
            existing = self._servers.required_databases().existing(self._databases)
        return Changes(
            tuple(name for name in self._databases if name not in existing),
            tuple(existing),
            tuple(self._compare(saved, on_progress) for saved in self._backup.manifest.buckets),
        )

    def apply(self, changes: Changes, on_progress: OnProgress) -> None:
        """Do what `plan` says.

        Raises
        ------
        ConflictError
            If another restore goes on, or somebody uses the databases.
        SentimentError
            If a server refuses or goes away: repeat the restore.
        """
        with self._locked():
            for name in self._databases:
                on_progress(f"database {name}")
                self._servers.required_databases().load(name, self._backup.dump(name))
            make_buckets(self._servers.store, self._buckets)
            self._write_objects(changes, on_progress)
            on_progress("looking at what was written")
            self._check_written()
            # From here on nothing that the backup has can be missing.
            if self._databases:
                on_progress("swapping the databases")
                self._servers.required_databases().swap(self._databases)
            self._delete_objects(changes, on_progress)
            if self._databases:
                on_progress("dropping the former databases")
                self._servers.required_databases().drop_replaced(self._databases)

    def _check_databases(self) -> None:
        if not self._databases:
            raise NotFoundError(
                f"{self._backup.path} holds buckets and no databases: restore it with "
                "`sentiment-cli restore-storage`."
            )
        server = self._servers.required_databases()
        made_by = self._backup.manifest.postgres_major or 0
        if (here := server.major()) < made_by:
            raise ConflictError(
                f"{self._backup.path} was made with PostgreSQL {made_by}, and this server is "
                f"PostgreSQL {here}: a backup is restored to the same or a newer version."
            )
        for name in self._databases:
            server.check_dump(self._backup.dump(name))
        server.check_owners(self._databases)
        server.check_unused(self._databases)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        server = self._servers.required_databases() if self._databases else None
        with server.locked() if server else nullcontext():
            if server:
                server.check_unused(self._databases)
            yield

    def _compare(self, saved: SavedBucket, on_progress: OnProgress) -> BucketChanges:
        bucket = self._buckets[saved.name]
        there = bucket.list_if_there()
        add, replace, unchanged = [], [], 0
        for done, item in enumerate(saved.objects, 1):
            on_progress(f"comparing {saved.name}: {share(done, len(saved.objects))}")
            found = there.pop(item.key, None)
            if found is None:
                add.append(item.key)
            elif self._is_equal(bucket, found, item):
                unchanged += 1
            else:
                replace.append(item.key)
        return BucketChanges(saved.name, tuple(add), tuple(replace), tuple(there), unchanged)

    def _is_equal(self, bucket: Bucket, found: ListedObject, item: SavedObject) -> bool:
        if found.size != item.size:
            return False
        if found.etag == self._digests[item.sha256].md5:
            return True
        return _content(bucket, item.key).sha256 == item.sha256  # it may have come in parts

    def _write_objects(self, changes: Changes, on_progress: OnProgress) -> None:
        for saved, planned in zip(self._backup.manifest.buckets, changes.buckets, strict=True):
            bucket = self._buckets[saved.name]
            wanted = {*planned.add, *planned.replace}
            items = [item for item in saved.objects if item.key in wanted]
            for done, item in enumerate(items, 1):
                on_progress(f"writing {saved.name}: {share(done, len(items))}")
                bucket.write(item.key, self._backup.content(item.sha256))

    def _check_written(self) -> None:
        """Stop before anything is deleted if a store keeps an object under another name."""
        for saved in self._backup.manifest.buckets:
            bucket = self._buckets[saved.name]
            there = {item.key: item.size for item in bucket.list()}
            for item in saved.objects:
                if there.get(item.key) != item.size:
                    raise RefusedError(
                        f"The store has taken {item.key!r} for the bucket {saved.name}, but does "
                        "not have it now: it cannot keep this key. Nothing was deleted; restore to "
                        "another store."
                    )

    def _delete_objects(self, changes: Changes, on_progress: OnProgress) -> None:
        for planned in changes.buckets:
            bucket = self._buckets[planned.name]
            for done, key in enumerate(planned.delete, 1):
                on_progress(f"deleting in {planned.name}: {share(done, len(planned.delete))}")
                bucket.delete(key)


def _content(bucket: Bucket, key: str) -> FileDigest:
    _etag, chunks = bucket.read(key)
    return digest_of_chunks(chunks)
