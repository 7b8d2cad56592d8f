"""A bucket as a backup sees it: every key as the store has it, with the ETag of its content."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sentiment_cli.backup.files import CHUNK_BYTES
from sentiment_core.errors import NotFoundError
from sentiment_core.s3_errors import mapped_s3_errors
from sentiment_core.s3_store import s3_client

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings


class ListedObject(NamedTuple):
    """An object of a bucket; the ETag changes with the content."""

    key: str
    size: int
    etag: str


class Bucket:
    """A bucket of any store that speaks S3.

    Parameters
    ----------
    name : str
        The bucket.
    settings : StoreSettings
        Endpoint and keys.
    """

    def __init__(self, name: str, settings: "StoreSettings") -> None:
        self.name = name
        self._settings = settings
        self._client = s3_client(settings)

    def list(self) -> Iterator[ListedObject]:
        """List all objects, page by page.

        Raises
        ------
        NotFoundError
            If the bucket does not exist.
        SentimentError
            If the store does not answer, or refuses.
        """
        pages = self._client.get_paginator("list_objects_v2")
        with mapped_s3_errors(f"the bucket {self.name}", self._settings):
            for page in pages.paginate(Bucket=self.name):
                for item in page.get("Contents", []):
                    yield ListedObject(item["Key"], item["Size"], item["ETag"].strip('"'))

    def list_if_there(self) -> dict[str, ListedObject]:
        """List all objects by their keys; none if there is no such bucket."""
        try:
            return {item.key: item for item in self.list()}
        except NotFoundError:
            return {}

    def read(self, key: str) -> tuple[str, Iterable[bytes]]:
        """Open an object; what it returns is the ETag and the content in pieces.

        Raises
        ------
        NotFoundError
            If it does not exist.
        SentimentError
            If the store does not answer, or the transfer breaks.
        """
        with self._mapped(key):
            answer = self._client.get_object(Bucket=self.name, Key=key)

        def chunks() -> Iterator[bytes]:
            with self._mapped(key):
                yield from answer["Body"].iter_chunks(CHUNK_BYTES)

        return answer["ETag"].strip('"'), chunks()

    def write(self, key: str, source: Path) -> None:
        """Write an object from a file of any size."""
        with source.open("rb") as file, self._mapped(key):
            self._client.upload_fileobj(file, self.name, key)

    def delete(self, key: str) -> None:
        """Delete an object; one that does not exist is no error."""
        with self._mapped(key):
            self._client.delete_object(Bucket=self.name, Key=key)

    def _mapped(self, key: str) -> AbstractContextManager[None]:
        return mapped_s3_errors(f"s3://{self.name}/{key}", self._settings)
