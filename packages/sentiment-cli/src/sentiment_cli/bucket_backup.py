"""Copies whole buckets to and from folders, for backups."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sentiment_core.folder_store import FolderStore
from sentiment_core.object_store import ObjectStore

OnObject = Callable[[str], None]
"""Takes the bucket and the key of each object before it is copied."""


def save_buckets(buckets: Mapping[str, ObjectStore], folder: Path, on_object: OnObject) -> int:
    """Copy all objects of some buckets into a folder, and say how many there are.

    Each bucket gets a folder of its own in it. `on_object` takes the name of each object.
    """
    return sum(_save(bucket, name, folder / name, on_object) for name, bucket in buckets.items())


def _save(bucket: ObjectStore, name: str, folder: Path, on_object: OnObject) -> int:
    root = folder.resolve()
    root.mkdir(parents=True, exist_ok=True)
    count = 0
    for key, _size in bucket.list():
        target = (root / key).resolve()
        if not target.is_relative_to(root) or key.endswith("/"):
            continue  # markers of folders, and names that lead elsewhere
        on_object(f"{name}/{key}")
        bucket.get_file(key, target)
        count += 1
    return count


def saved_buckets(folder: Path) -> tuple[str, ...]:
    """Name the buckets that `save_buckets` left in a folder, in order; none if it is no backup."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))


def restore_buckets(folder: Path, buckets: Mapping[str, ObjectStore], on_object: OnObject) -> int:
    """Make buckets equal to a backup; objects that it lacks are deleted.

    The buckets exist already, and `on_object` takes the name of each object. The answer is how many
    objects were written.
    """
    return sum(_restore(folder / name, name, bucket, on_object) for name, bucket in buckets.items())


def _restore(folder: Path, name: str, bucket: ObjectStore, on_object: OnObject) -> int:
    saved = [item.key for item in FolderStore(folder).list()]
    for key in saved:
        on_object(f"{name}/{key}")
        bucket.put_file(key, folder / key)
    for key in {item.key for item in bucket.list()}.difference(saved):
        bucket.delete(key)
    return len(saved)
