"""Reads the files of a model package from wherever its source keeps them."""

from urllib.parse import SplitResult, quote, unquote, urlsplit

import urllib3

from sentiment_core.errors import ModelError, ModelPackageError, NotFoundError
from sentiment_core.model_package import PACKAGE_FILES
from sentiment_core.object_store import ObjectReader
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from sentiment_serve.model.http import HttpReader
from sentiment_serve.model.mlflow_server import http_headers
from sentiment_serve.settings import ServeSettings


class PackageReader:
    """Reads packages with the connections and keys of this process.

    The settings name the registry server that proxies artifacts.
    """

    def __init__(
        self, settings: ServeSettings, stores: StoreSettings, pool: urllib3.PoolManager
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._pool = pool

    def fetch(self, package_uri: str) -> dict[str, bytes]:
        """Read a package into memory; nothing is checked here, and no disk is needed.

        Parameters
        ----------
        package_uri : str
            ``mlflow-artifacts:``, ``s3:``, ``http(s):``, ``file:`` or a path.

        Returns
        -------
        dict of str to bytes
            Content of the files by their names.

        Raises
        ------
        ModelError
            If a file is not there, or addresses of that kind cannot be read.
        SentimentError
            If the store does not give the files; see `ObjectReader`.
        """
        reader = self.open(package_uri)
        files = {}
        for name in PACKAGE_FILES:
            try:
                files[name] = reader.get(name)
            except NotFoundError as error:
                raise ModelPackageError(f"The model has no file {reader.uri}/{name}.") from error
        return files

    def open(self, uri: str) -> ObjectReader:
        """Open the folder at an address, as for `fetch`."""
        parsed = urlsplit(uri, allow_fragments=False)
        if parsed.scheme == "mlflow-artifacts":
            return self._proxied(parsed)
        if parsed.scheme in {"http", "https"}:
            return HttpReader(uri, self._pool)
        if parsed.scheme == "file":
            # Not parsed.path: MLflow leaves # and ? in a path as they are.
            return open_store(unquote(uri.removeprefix("file://")), self._stores)
        if parsed.scheme in {"", "s3"}:
            return open_store(uri, self._stores)
        raise ModelError(f"The model is at {uri}, an address of a kind that cannot be fetched.")

    def _proxied(self, uri: SplitResult) -> ObjectReader:
        """Read what a tracking server hands on: this one's, or that of the host in the address.

        As MLflow does it, scheme and path are those of the tracking server. Another host gets no
        secret of this one.
        """
        server = urlsplit(self._settings.tracking_uri.rstrip("/"))
        own_host = server.netloc.rpartition("@")[2]
        is_own = uri.netloc in {"", own_host}
        base = server if is_own else server._replace(netloc=uri.netloc)
        path = quote(unquote(uri.path).lstrip("/"))
        address = f"{base.geturl()}/api/2.0/mlflow-artifacts/artifacts/{path}"
        headers = http_headers(self._settings) if is_own else {}
        return HttpReader(address, self._pool, headers)
