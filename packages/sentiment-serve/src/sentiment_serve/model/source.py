"""Chooses where the champion comes from."""

import urllib3

from sentiment_serve.model.champion_folder import ChampionFolder
from sentiment_serve.model.mlflow_database import MlflowDatabase
from sentiment_serve.model.mlflow_server import MlflowServer
from sentiment_serve.model.packages import PackageReader
from sentiment_serve.model.version import ModelSource
from sentiment_serve.settings import ServeSettings


def open_source(
    settings: ServeSettings, packages: PackageReader, pool: urllib3.PoolManager
) -> ModelSource:
    """Open the source of models that the settings name; nothing is asked yet."""
    if settings.pointer_folder:
        return ChampionFolder(settings.pointer_folder, packages.open(settings.pointer_folder))
    if settings.tracking_uri.startswith(("http://", "https://")):
        return MlflowServer(settings, pool)
    return MlflowDatabase(settings)
