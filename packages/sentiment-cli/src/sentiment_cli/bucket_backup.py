"""Copies whole buckets to and from folders, for backups."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sentiment_core.object_store import s3_client

Progress = Callable[[str], None]
"""Is told the name of each object."""


def save_buckets(buckets: tuple[str, ...], folder: Path, on_object: Progress) -> int:
    """Copy all objects of some buckets into a folder.

    Parameters
    ----------
    buckets : tuple of str
        Names.
    folder : Path
        Gets one folder for each bucket.
    on_object : callable
        Is told each object.

    Returns
    -------
    int
        Number of objects.
    """
    client = s3_client()
    count = 0
    for bucket in buckets:
        root = (folder / bucket).resolve()
        root.mkdir(parents=True, exist_ok=True)
        for key in _keys(client, bucket):
            target = (root / key).resolve()
            if not target.is_relative_to(root) or key.endswith("/"):
                continue  # markers of folders, and names that lead elsewhere
            on_object(f"{bucket}/{key}")
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(target))
            count += 1
    return count


def restore_buckets(folder: Path, on_object: Progress) -> int:
    """Make buckets equal to folders; objects that a folder lacks are deleted.

    Parameters
    ----------
    folder : Path
        Holds one folder for each bucket; the buckets exist.
    on_object : callable
        Is told each object.

    Returns
    -------
    int
        Number of objects that were written.
    """
    client = s3_client()
    count = 0
    for root in sorted(path for path in folder.iterdir() if path.is_dir()):
        wanted = {
            path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()
        }
        for key, path in sorted(wanted.items()):
            on_object(f"{root.name}/{key}")
            client.upload_file(str(path), root.name, key)
            count += 1
        for key in _keys(client, root.name):
            if key not in wanted:
                client.delete_object(Bucket=root.name, Key=key)
    return count


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            yield str(item["Key"])
