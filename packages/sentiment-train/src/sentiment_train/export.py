"""Exports the champion for consumers without MLflow, to a bucket or a folder.

Each version has a folder of its own, and ``champion.json`` names the one that serves. The pointer
is written after the files, so it never names a version that is not whole.
"""

import logging
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlparse

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import SentimentError
from sentiment_core.files import write_atomically
from sentiment_core.model_package import PACKAGE_FILES, load_package
from sentiment_core.object_store import s3_client, split_s3_uri
from sentiment_train.registry import Registry

logger = logging.getLogger(__name__)

_MAX_ROUNDS: Final = 10


class ExportError(SentimentError):
    """The champion cannot be exported."""


class ExportTarget(Protocol):
    """A place for files."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, or not at all.

        Parameters
        ----------
        name : str
            Relative path with slashes.
        content : bytes
            Replaces an older file.
        """
        ...


class FolderTarget:
    """A folder.

    Parameters
    ----------
    folder : Path
        Is created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, content: bytes) -> None:  # noqa: D102 - as in the protocol
        write_atomically(self._folder / name, content)


class S3Target:
    """A prefix of a bucket.

    Parameters
    ----------
    uri : str
        ``s3://bucket/prefix``; the bucket exists.
    """

    def __init__(self, uri: str) -> None:
        self._bucket, self._prefix = split_s3_uri(uri)
        self._client = s3_client()

    def write(self, name: str, content: bytes) -> None:  # noqa: D102 - as in the protocol
        key = f"{self._prefix}/{name}".lstrip("/")
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content)


def open_target(uri: str) -> ExportTarget:
    """Open the place that an address names.

    Parameters
    ----------
    uri : str
        ``s3://bucket/prefix``, ``file:///folder`` or a path.

    Returns
    -------
    ExportTarget
        Nothing is written yet.

    Raises
    ------
    ExportError
        If addresses of that kind cannot be written.
    """
    parsed = urlparse(uri)
    if parsed.scheme == "s3":
        return S3Target(uri)
    if parsed.scheme in {"", "file"}:
        return FolderTarget(Path(unquote(parsed.path)))
    raise ExportError(f"MODEL_EXPORT_URI={uri}: only s3://, file:// and paths can be written.")


def export_champion(registry: Registry, target: ExportTarget) -> str | None:
    """Export the version that is champion now, and let the pointer name it.

    Of several exports at once the last one to look wins, and it sees the true champion.

    Parameters
    ----------
    registry : Registry
        Has the champion.
    target : ExportTarget
        Where it goes; the registered model's name is the first folder.

    Returns
    -------
    str or None
        The version; None if there is no champion.

    Raises
    ------
    ExportError
        If the champion keeps changing.
    ScorerError
        If the champion cannot be read.
    """
    exported = None
    for _ in range(_MAX_ROUNDS):
        champion = registry.champion()
        if champion == exported:
            return exported
        if champion is None:
            return None
        _export_version(registry, champion, target)
        exported = champion
    raise ExportError(f"The champion of {registry.name} keeps changing: export it again.")


def _export_version(registry: Registry, version: str, target: ExportTarget) -> None:
    with registry.package(version) as folder:
        package = load_package(folder)
        for name in PACKAGE_FILES:
            target.write(f"{registry.name}/{version}/{name}", (folder / name).read_bytes())
    pointer = ChampionPointer(
        name=registry.name,
        version=version,
        run_id=registry.resolve(version).run_id,
        package=version,
        scorer_sha256=package.scorer.digest,
    )
    target.write(f"{registry.name}/{POINTER_FILE}", pointer.to_json().encode())
    logger.info("Exported %s version %s", registry.name, version)
