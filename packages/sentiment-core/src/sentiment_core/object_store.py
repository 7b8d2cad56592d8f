"""The port of every place that keeps files; a folder and a bucket implement it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol


class ObjectInfo(NamedTuple):
    """An object of a store."""

    key: str
    size: int


class ObjectReader(Protocol):
    """A place that files are read from."""

    @property
    def uri(self) -> str:
        """Address of the place, without a slash at its end."""
        ...

    def get(self, key: str) -> bytes:
        """Read an object.

        Parameters
        ----------
        key : str
            Its name, with slashes.

        Returns
        -------
        bytes
            The whole object.

        Raises
        ------
        NotFoundError
            If it does not exist.
        DeniedError, RefusedError
            If the store does not give it to this caller.
        UnreachableError
            If the store does not answer, or the transfer breaks.
        """
        ...

    def get_file(self, key: str, target: Path) -> None:
        """Copy an object into a file, which appears when it is complete.

        Parameters
        ----------
        key : str
            Its name, with slashes.
        target : Path
            The file, which is replaced.

        Raises
        ------
        SentimentError
            As `get`.
        OSError
            If the file cannot be written.
        """
        ...


class ObjectStore(ObjectReader, Protocol):
    """A place for files, which is read and written."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole, or not at all.

        Parameters
        ----------
        key : str
            Its name, with slashes; an older object is replaced.
        content : bytes
            The whole object.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`; NotFoundError if the bucket does not exist.
        """
        ...

    def put_file(self, key: str, source: Path) -> None:
        """Write an object from a file of any size.

        Parameters
        ----------
        key : str
            Its name, with slashes; an older object is replaced.
        source : Path
            The content.

        Raises
        ------
        SentimentError
            As `put`.
        OSError
            If the file cannot be read.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List objects in the order of their keys.

        Parameters
        ----------
        prefix : str
            Beginning of the keys.

        Yields
        ------
        ObjectInfo
            Key and size in bytes.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`; NotFoundError if the bucket does not exist.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object; one that does not exist is no error.

        Parameters
        ----------
        key : str
            Its name.

        Raises
        ------
        SentimentError
            As `ObjectReader.get`.
        """
        ...
