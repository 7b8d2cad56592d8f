"""Files in a folder of this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment_core.atomic_files import PART_PREFIX, replacing, write_atomically
from sentiment_core.errors import DeniedError, InputError, NotFoundError, UnreachableError
from sentiment_core.object_store import ObjectInfo


class FolderStore:
    """A folder on this machine.

    Parameters
    ----------
    folder : Path
        The folder, which is created when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def uri(self) -> str:
        """Path of the folder."""
        return str(self._folder)

    def get(self, key: str) -> bytes:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            return self._path(key).read_bytes()

    def get_file(self, key: str, target: Path) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            source = self._path(key).open("rb")
        with source, replacing(target) as part, part.open("wb") as file:
            shutil.copyfileobj(source, file)

    def put(self, key: str, content: bytes) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            write_atomically(self._path(key), content)

    def put_file(self, key: str, source: Path) -> None:  # noqa: D102 - as in the protocol
        with (
            source.open("rb") as file,
            self._mapped(key),
            replacing(self._path(key)) as part,
            part.open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: D102 - as in the protocol
        with self._mapped(prefix):
            found = [
                ObjectInfo(path.relative_to(self._folder).as_posix(), path.stat().st_size)
                for path in self._folder.rglob("*")
                if path.is_file() and not path.name.startswith(PART_PREFIX)
            ]
        yield from sorted(item for item in found if item.key.startswith(prefix))

    def delete(self, key: str) -> None:  # noqa: D102 - as in the protocol
        with self._mapped(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", ".."} for part in parts):
            raise InputError(f"{key!r} is no name of a file in {self.uri}.")
        return self._folder.joinpath(*parts)

    @contextmanager
    def _mapped(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFoundError(f"{self.uri} has no file {key}.") from error
        except PermissionError as error:
            raise DeniedError(f"{self.uri}/{key}: {error.strerror}.") from error
        except OSError as error:
            raise UnreachableError(f"{self.uri}/{key}: {error.strerror or error}.") from error
