"""Opens the place that an address names."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from sentiment_core.errors import SettingsError
from sentiment_core.folder_store import FolderStore
from sentiment_core.object_store import ObjectStore
from sentiment_core.s3_store import S3Store

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings


def open_store(uri: str, settings: "StoreSettings") -> ObjectStore:
    """Open the place that an address names.

    Parameters
    ----------
    uri : str
        ``s3://bucket/prefix``, ``file:///folder`` or a path.
    settings : StoreSettings
        Endpoint and keys of the S3 store.

    Returns
    -------
    ObjectStore
        Nothing is read or written yet.

    Raises
    ------
    SettingsError
        If addresses of that kind cannot be opened.
    """
    scheme = urlparse(uri).scheme if "://" in uri else ""
    if scheme == "s3":
        return S3Store(uri, settings)
    if scheme == "file":
        return FolderStore(Path(unquote(uri.removeprefix("file://"))))
    if scheme == "":
        return FolderStore(Path(uri))
    raise SettingsError(f"{uri}: only s3://, file:// and paths can be opened.")
