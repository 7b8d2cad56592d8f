"""Exports the champion for consumers without MLflow, to a bucket or a folder.

Each version has a folder of its own, and ``champion.json`` names the one that serves. The pointer
is written after the files, so it never names a version that is not whole. Whatever may have moved
the champion compares the two, and exports if they differ: an export that failed is made up for.
"""

import logging
from collections.abc import Callable

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ModelPackageError, NotFoundError, SentimentError
from sentiment_core.model_package import PACKAGE_FILES, load_package
from sentiment_core.object_store import ObjectReader, ObjectStore
from sentiment_core.registry_names import SCORER_DIGEST_TAG
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from sentiment_train.registry.versions import Registry
from sentiment_train.settings import TrainSettings

logger = logging.getLogger(__name__)


def configured_export(settings: TrainSettings) -> ObjectStore | None:
    """Open the place that follows the champion; None if MODEL_EXPORT_URI names none.

    Raises
    ------
    SentimentError
        As `sentiment_core.stores.open_store`.
    """
    return (
        open_store(settings.model_export_uri, StoreSettings())
        if settings.model_export_uri
        else None
    )


def keep_exported(registry: Registry, store: ObjectStore) -> str | None:
    """Export the champion if the pointer in the store does not name it.

    Returns
    -------
    str or None
        The version that was exported; None if there was nothing to do.

    Raises
    ------
    SentimentError
        As `export_champion`; the message says what stands, and how it is repaired.
    """
    try:
        return export_champion(registry, store) if is_behind(registry, store) else None
    except SentimentError as error:
        raise type(error)(
            f"The champion of {registry.name} stays what it is now, but it is not exported to "
            f"{store.uri}: {error} The next training exports it, and so does `sentiment-cli "
            "export-champion`."
        ) from error


def is_behind(registry: Registry, store: ObjectReader) -> bool:
    """Tell whether the pointer in a store names another model than the champion."""
    version = registry.champion()
    if version is None:
        return False
    pointer = read_pointer(registry, store)
    digest = registry.resolve(version).tags.get(SCORER_DIGEST_TAG)
    return pointer is None or (pointer.version, pointer.scorer_sha256) != (version, digest)


def export_champion(registry: Registry, store: ObjectStore) -> str | None:
    """Export the version that is champion now, and let the pointer name it; None if there is none.

    It holds the lease of the registered model, so that no older export comes after a newer one. The
    registered model's name is the first folder in the store.

    Raises
    ------
    BusyError, LeaseLostError
        If another process changes the registered model for too long.
    ScorerError, NotFoundError
        If the champion cannot be read.
    DeniedError, RefusedError, UnreachableError
        If the registry or the store does not answer, or not this caller.
    """
    if registry.champion() is None:
        return None
    with registry.authority.hold("export") as held:
        champion = held.state.champion
        if champion is not None:
            _export_version(registry, champion, store, held.check)
    return champion


def _export_version(
    registry: Registry, version: str, store: ObjectStore, check: Callable[[], None]
) -> None:
    with registry.package(version) as folder:
        package = load_package(folder)
        for name in PACKAGE_FILES:
            check()
            store.put(f"{registry.name}/{version}/{name}", (folder / name).read_bytes())
    pointer = ChampionPointer(
        name=registry.name,
        version=version,
        run_id=registry.resolve(version).run_id,
        package=version,
        scorer_sha256=package.scorer.digest,
    )
    check()
    store.put(f"{registry.name}/{POINTER_FILE}", pointer.to_json().encode())
    logger.info("Exported %s version %s", registry.name, version)


def read_pointer(registry: Registry, store: ObjectReader) -> ChampionPointer | None:
    """Read what the store names as champion; one that makes no sense is as none."""
    try:
        return ChampionPointer.from_json(store.get(f"{registry.name}/{POINTER_FILE}"))
    except (NotFoundError, ModelPackageError):
        return None
