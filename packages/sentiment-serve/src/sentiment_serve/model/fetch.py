"""Copies the files of a model package from wherever the registry keeps them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlparse

import urllib3

from sentiment_core.model_package import PACKAGE_FILES
from sentiment_core.object_store import s3_client, split_s3_uri
from sentiment_serve.model.errors import BadVersionError, SourceUnreachableError
from sentiment_serve.model.mlflow_server import http_headers
from sentiment_serve.settings import ServeSettings

_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=60.0)
_CHUNK_BYTES: Final = 1 << 18
_MISSING_S3_CODES: Final = {"404", "NoSuchKey", "NoSuchBucket"}

FileFetcher = Callable[[str, Path], None]
"""Copies one file of the package, by name, to a path."""


def fetch_package(
    package_uri: str, folder: Path, settings: ServeSettings, pool: urllib3.PoolManager
) -> None:
    """Copy a model package into a folder; nothing is checked here.

    Parameters
    ----------
    package_uri : str
        Address of the package: ``mlflow-artifacts:``, ``s3:``, ``http(s):``, ``file:`` or a path.
    folder : Path
        Exists and is empty.
    settings : ServeSettings
        Names the registry server that proxies artifacts.
    pool : PoolManager
        Connections.

    Raises
    ------
    BadVersionError
        If a file is not there.
    SourceUnreachableError
        If the store does not answer.
    """
    fetch_file = open_fetcher(package_uri, settings, pool)
    for name in PACKAGE_FILES:
        fetch_file(name, folder / name)


def open_fetcher(uri: str, settings: ServeSettings, pool: urllib3.PoolManager) -> FileFetcher:
    """Choose how files are copied from an address.

    Parameters
    ----------
    uri : str
        Address of a folder, as for `fetch_package`.
    settings : ServeSettings
        Names the registry server that proxies artifacts.
    pool : PoolManager
        Connections.

    Returns
    -------
    callable
        Copies a file of the folder; raises as `fetch_package`.

    Raises
    ------
    BadVersionError
        If addresses of that kind cannot be read.
    """
    parsed = urlparse(uri)
    if parsed.scheme == "mlflow-artifacts":
        server = f"http://{parsed.netloc}" if parsed.netloc else settings.tracking_uri.rstrip("/")
        path = quote(unquote(parsed.path).lstrip("/"))
        base = f"{server}/api/2.0/mlflow-artifacts/artifacts/{path}"
        return _http_fetcher(base, pool, http_headers(settings))
    if parsed.scheme in {"http", "https"}:
        return _http_fetcher(uri, pool, {})
    if parsed.scheme == "s3":
        return _s3_fetcher(*split_s3_uri(uri))
    if parsed.scheme in {"", "file"}:
        return _file_fetcher(Path(unquote(parsed.path)))
    raise BadVersionError(f"The model is at {uri}, an address of a kind that cannot be fetched.")


def _file_fetcher(base: Path) -> FileFetcher:
    def fetch(name: str, target: Path) -> None:
        try:
            shutil.copyfile(base / name, target)
        except FileNotFoundError as error:
            raise BadVersionError(f"The model has no file {base / name}.") from error
        except OSError as error:
            raise SourceUnreachableError(f"Cannot read {base / name}: {error}.") from error

    return fetch


def _http_fetcher(base: str, pool: urllib3.PoolManager, headers: dict[str, str]) -> FileFetcher:
    def fetch(name: str, target: Path) -> None:
        url = f"{base}/{name}"
        try:
            response = pool.request(
                "GET", url, headers=headers, timeout=_TIMEOUT, preload_content=False
            )
            with response, target.open("wb") as file:
                if response.status == 404:
                    raise BadVersionError(f"The model has no file {url}.")
                if response.status >= 400:
                    raise SourceUnreachableError(f"{url} answers {response.status}.")
                shutil.copyfileobj(response, file, _CHUNK_BYTES)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceUnreachableError(f"Cannot fetch {url} ({type(error).__name__}).") from error

    return fetch


def _s3_fetcher(bucket: str, prefix: str) -> FileFetcher:
    client = s3_client()

    def fetch(name: str, target: Path) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client.download_file(bucket, f"{prefix}/{name}", str(target))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in _MISSING_S3_CODES:
                raise BadVersionError(
                    f"The model has no file s3://{bucket}/{prefix}/{name}."
                ) from error
            raise SourceUnreachableError(f"The store refuses s3://{bucket} ({code}).") from error
        except BotoCoreError as error:
            raise SourceUnreachableError(
                f"The store does not answer ({type(error).__name__})."
            ) from error

    return fetch
