"""Chooses where the champion comes from."""

import urllib3

from sentiment_serve.model.mlflow_server import (
    EmbeddedRegistry,
    RegistryClient,
    ServerRegistry,
)
from sentiment_serve.model.pointer import PointerRegistry
from sentiment_serve.settings import ServeSettings


def open_registry(settings: ServeSettings, pool: urllib3.PoolManager) -> RegistryClient:
    """Open the source of models that the settings name.

    Parameters
    ----------
    settings : ServeSettings
        Names a pointer, a registry server or an SQLite registry.
    pool : PoolManager
        Connections to a server.

    Returns
    -------
    RegistryClient
        Nothing has been asked yet.
    """
    if settings.pointer_folder:
        return PointerRegistry(settings.pointer_folder, settings, pool)
    if settings.tracking_uri.startswith(("http://", "https://")):
        return ServerRegistry(settings, pool)
    return EmbeddedRegistry(settings)
