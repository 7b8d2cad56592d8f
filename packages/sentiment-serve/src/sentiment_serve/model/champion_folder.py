"""Follows a ``champion.json`` in a bucket or folder, where no registry is asked."""

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import (
    AliasNotSetError,
    ModelPackageError,
    NotFoundError,
    UnreachableError,
)
from sentiment_core.object_store import ObjectReader
from sentiment_core.registry_names import CHAMPION
from sentiment_serve.model.version import RegisteredVersion, VersionRef


class ChampionFolder:
    """A folder with a pointer and the packages of exported versions.

    `folder_uri` is its address as the settings name it; `reader` reads it.
    """

    def __init__(self, folder_uri: str, reader: ObjectReader) -> None:
        self._folder_uri = folder_uri
        self._reader = reader

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

    def versions(self) -> list[RegisteredVersion]:  # noqa: D102 - as in the protocol
        raise NotFoundError(
            f"{self._folder_uri} names the champion alone; the registry knows the other versions."
        )

    def _read(self) -> ChampionPointer:
        try:
            return ChampionPointer.from_json(self._reader.get(POINTER_FILE))
        except NotFoundError as error:
            raise AliasNotSetError(
                f"No champion exists: {self._folder_uri} has no {POINTER_FILE}. "
                "Export one with `sentiment-cli export-champion --to` that place, after "
                "`sentiment-cli train --champion`."
            ) from error
        except ModelPackageError as error:
            raise UnreachableError(f"{self._folder_uri}: {error}") from error
