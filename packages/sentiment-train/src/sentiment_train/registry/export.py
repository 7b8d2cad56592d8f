"""Exports the champion for consumers without MLflow, to a bucket or a folder.

Each version has a folder of its own, and ``champion.json`` names the one that serves. The pointer
is written after the files, so it never names a version that is not whole.
"""

import logging
from typing import Final

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ConflictError
from sentiment_core.model_package import PACKAGE_FILES, load_package
from sentiment_core.object_store import ObjectStore
from sentiment_train.registry.versions import Registry

logger = logging.getLogger(__name__)

_MAX_ROUNDS: Final = 10


def export_champion(registry: Registry, store: ObjectStore) -> str | None:
    """Export the version that is champion now, and let the pointer name it; None if there is none.

    Of several exports at once the last one to look wins, and it sees the true champion. The
    registered model's name is the first folder in the store.

    Raises
    ------
    ConflictError
        If the champion keeps changing.
    ScorerError, NotFoundError
        If the champion cannot be read.
    DeniedError, RefusedError, UnreachableError
        If the registry or the store does not answer, or not this caller.
    """
    exported = None
    for _ in range(_MAX_ROUNDS):
        champion = registry.champion()
        if champion == exported:
            return exported
        if champion is None:
            return None
        _export_version(registry, champion, store)
        exported = champion
    raise ConflictError(f"The champion of {registry.name} keeps changing: export it again.")


def _export_version(registry: Registry, version: str, store: ObjectStore) -> None:
    with registry.package(version) as folder:
        package = load_package(folder)
        for name in PACKAGE_FILES:
            store.put(f"{registry.name}/{version}/{name}", (folder / name).read_bytes())
    pointer = ChampionPointer(
        name=registry.name,
        version=version,
        run_id=registry.resolve(version).run_id,
        package=version,
        scorer_sha256=package.scorer.digest,
    )
    store.put(f"{registry.name}/{POINTER_FILE}", pointer.to_json().encode())
    logger.info("Exported %s version %s", registry.name, version)
