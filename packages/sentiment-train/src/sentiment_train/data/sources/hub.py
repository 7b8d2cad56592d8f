"""The IMDb data set of the Hugging Face hub, as one parquet file over HTTP."""

from pathlib import Path
from typing import ClassVar, Final, Self

import httpx
import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import SourceName
from sentiment_train.data.sources.base import IMDB_TRAIN_SPLIT, NO_NETWORK_NEEDED, SourceOptions
from sentiment_train.data.sources.download import download
from sentiment_train.http_errors import mapped_http_errors

REPOSITORY: Final = "https://huggingface.co/datasets/stanfordnlp/imdb"
REVISION: Final = "e6281661ce1c48d982bc483cf8a173c1bbeb5d31"  # pragma: allowlist secret
FILE: Final = "plain_text/train-00000-of-00001.parquet"

_SHA256_LENGTH: Final = 64
_TIMEOUT_SECONDS: Final = 30.0


class HubSource:
    """The 25,000 reviews of the train split; the cache keeps the file (21 MB)."""

    name: ClassVar[SourceName] = "hub"
    origin: ClassVar[str] = f"{IMDB_TRAIN_SPLIT}, as stanfordnlp/imdb on the Hugging Face hub"
    licence: ClassVar[str] = '"other" on the hub; the authors name none and ask to cite their paper'

    def __init__(self, cache: Path, *, repository: str = REPOSITORY) -> None:
        self._cache = cache
        self._url = f"{repository}/resolve/{REVISION}/{FILE}"

    @classmethod
    def create(cls, options: SourceOptions) -> Self:  # noqa: D102 - as in the protocol
        return cls(options.cache)

    @property
    def description(self) -> str:
        """The file's address, which names a fixed revision."""
        return self._url

    @property
    def input_sha256(self) -> str | None:
        """None: the revision is fixed."""
        return None

    def load(self) -> pd.DataFrame:
        """Download the file once and read it.

        Raises
        ------
        DataError
            If the download fails, the file is not the expected table, or pyarrow is missing.
        """
        try:
            # 150 MB that no other source needs.
            import pyarrow as pa
        except ImportError as error:
            raise DataError(
                "The hub's file is parquet, which pyarrow reads: install sentiment-train[hub] "
                "(`./sentiment uv sync --inexact --extra hub` in the project's folder), or choose "
                "--source package or stanford."
            ) from error
        target = self._cache / f"imdb-{REVISION[:12]}-{Path(FILE).name}"
        path = download(
            self._url, target, sha256=self._published_sha256(), otherwise=NO_NETWORK_NEEDED
        )
        try:
            return pd.read_parquet(path, columns=["text", "label"])
        except (pa.ArrowException, ValueError, OSError) as error:
            raise DataError(
                f"{path} is not the expected parquet file: {error}. Delete it to download it again."
            ) from error

    def _published_sha256(self) -> str:
        """Ask the hub: large files carry their SHA-256 as the entity tag of their address."""
        with mapped_http_errors(NO_NETWORK_NEEDED):
            response = httpx.head(self._url, timeout=_TIMEOUT_SECONDS)
            if response.is_error:  # the hub redirects to its store, which is as good
                response.raise_for_status()
        tag = response.headers.get("X-Linked-ETag", "").strip('"')
        if len(tag) != _SHA256_LENGTH:
            raise DataError(
                f"{self._url} names no checksum of the file, so it is not used. {NO_NETWORK_NEEDED}"
            )
        return str(tag)
