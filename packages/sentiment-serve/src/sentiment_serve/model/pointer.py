"""Follows a ``champion.json`` in a bucket or folder, where no registry is asked."""

import tempfile
from pathlib import Path

import urllib3

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ModelPackageError
from sentiment_core.registry_names import CHAMPION
from sentiment_serve.model.errors import AliasNotSetError, BadVersionError, SourceUnreachableError
from sentiment_serve.model.fetch import open_fetcher
from sentiment_serve.model.mlflow_server import VersionRef
from sentiment_serve.settings import ServeSettings


class PointerRegistry:
    """A folder with a pointer and the packages of exported versions.

    Parameters
    ----------
    folder_uri : str
        Address of the folder: ``s3:``, ``file:`` or ``http(s):``.
    settings : ServeSettings
        The deployment settings.
    pool : PoolManager
        Connections.
    """

    def __init__(self, folder_uri: str, settings: ServeSettings, pool: urllib3.PoolManager) -> None:
        self._folder_uri = folder_uri
        self._settings = settings
        self._pool = pool

    def resolve(self, alias: str) -> VersionRef:  # noqa: D102 - as in the protocol
        if alias != CHAMPION:
            raise AliasNotSetError(f"{self._folder_uri} names a champion only, no @{alias}.")
        pointer = self._read()
        return VersionRef(
            name=pointer.name,
            alias=alias,
            version=pointer.version,
            run_id=pointer.run_id,
            package_uri=f"{self._folder_uri}/{pointer.package}",
            digest=pointer.scorer_sha256,
        )

    def _read(self) -> ChampionPointer:
        fetch_file = open_fetcher(self._folder_uri, self._settings, self._pool)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, POINTER_FILE)
            try:
                fetch_file(POINTER_FILE, target)
                return ChampionPointer.from_json(target.read_bytes())
            except BadVersionError as error:
                raise AliasNotSetError(
                    f"No champion exists: {self._folder_uri} has no {POINTER_FILE}. "
                    "Export one with `sentiment-cli export-champion --to` that place, after "
                    "`sentiment-cli train --champion`."
                ) from error
            except ModelPackageError as error:
                raise SourceUnreachableError(f"{self._folder_uri}: {error}") from error
