"""Where files come from and go to: this machine, or a store; one file, or all of a folder."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from sentiment_cli.batch.formats import format_of, has_format
from sentiment_cli.batch.output import REFUSED, RUN, beside
from sentiment_core.errors import ConflictError, InputError, NotFoundError
from sentiment_core.object_store import ObjectStore
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store


def is_remote(address: str) -> bool:
    """Say whether an address is that of a store."""
    return address.startswith("s3://")


@dataclass(frozen=True)
class Input:
    """A file that is labelled."""

    address: str
    store: ObjectStore | None = None
    """Where it is, if not on this machine."""

    @property
    def name(self) -> str:
        """Its file name."""
        return PurePosixPath(self.address).name

    @contextmanager
    def fetched(self) -> Iterator[tuple[Path, int, str]]:
        """Give the file, its size, and what changes when its content does.

        Raises
        ------
        InputError
            If it is not there.
        SentimentError
            If the store does not give it.
        """
        if self.store is None:
            path = Path(self.address)
            try:
                status = path.stat()
            except OSError as error:
                raise InputError(f"Cannot read {path}: {error.strerror}.") from error
            changed = datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC).isoformat()
            yield path, status.st_size, changed
            return
        with TemporaryDirectory(prefix="sentiment-batch-") as folder:
            path = Path(folder, self.name)
            self.store.get_file(self.name, path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield path, path.stat().st_size, digest


@dataclass(frozen=True)
class Target:
    """A file that is written; `path` is on this machine in any case."""

    address: str
    path: Path
    store: ObjectStore | None = None

    def recall(self) -> bool:
        """Say whether the store has an output, and bring what was done for it."""
        if self.store is None:
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        run = beside(self.path, RUN)
        try:
            self.store.get_file(run.name, run)
        except NotFoundError:
            return False
        self.path.touch()
        return True

    def deliver(self) -> None:
        """Take what was written to the store, at last the word that it is whole.

        Raises
        ------
        SentimentError
            If the store does not take it; the next command delivers it again.
        """
        if self.store is None:
            return
        for ending in ("", REFUSED, RUN):
            path = beside(self.path, ending)
            if path.exists():
                self.store.put_file(path.name, path)
        self.forget()

    def forget(self) -> None:
        """Delete what was on this machine only on its way to a store."""
        if self.store is not None:
            for ending in ("", REFUSED, RUN):
                beside(self.path, ending).unlink(missing_ok=True)


@contextmanager
def alone(target: Target, folder: Path) -> Iterator[None]:
    """Hold an output: two commands would write the same file.

    Parameters
    ----------
    target : Target
        The output.
    folder : Path
        Where locks are.

    Raises
    ------
    ConflictError
        If another command writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = target.address if target.store else str(target.path.absolute())
    lock = FileLock(folder / f"{_short_digest(place)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(f"Another command writes {target.address} just now.") from None
    try:
        yield
    finally:
        lock.release()


def pair(
    source: str, target: str, settings: StoreSettings, work: Path
) -> list[tuple[Input, Target]]:
    """Find the files of an input, and where each one goes.

    Parameters
    ----------
    source, target : str
        Paths or addresses (``s3://``) of a file, or of a folder of files.
    settings : StoreSettings
        Endpoint and keys of the store.
    work : Path
        Folder for what is on the way to a store.

    Raises
    ------
    InputError
        If there is no file that can be read, if several would go to one, or if the ending of the
        output is not known.
    SentimentError
        If a store cannot be listed.
    """
    inputs = list(_remote_inputs(source, settings) if is_remote(source) else _local_inputs(source))
    if not inputs:
        raise InputError(f"{source} holds no file that ends in .csv, .tsv, .jsonl or .parquet.")
    from_file = inputs[0].address == source
    if has_format(target) and not from_file:
        raise InputError(f"{source} is a folder: name a folder for the labels of its files.")
    if from_file and not target.endswith("/") and not Path(target).is_dir():
        format_of(target)
        targets = [target]
    else:
        targets = [f"{target.rstrip('/')}/{found.name}" for found in inputs]
    same = {Path(address).absolute() for address in targets if not is_remote(address)}
    if same & {Path(found.address).absolute() for found in inputs if found.store is None}:
        raise InputError("The labels would replace the reviews: name another file or folder.")
    return [
        (found, _target(address, settings, work))
        for found, address in zip(inputs, targets, strict=True)
    ]


def _target(address: str, settings: StoreSettings, work: Path) -> Target:
    if not is_remote(address):
        return Target(address, Path(address))
    folder, _, name = address.rpartition("/")
    return Target(address, work / _short_digest(folder) / name, open_store(folder, settings))


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _local_inputs(source: str) -> Iterator[Input]:
    path = Path(source)
    if not path.is_dir():
        yield Input(source)
        return
    for found in sorted(path.iterdir()):
        if found.is_file() and has_format(found.name) and not found.name.endswith(REFUSED):
            yield Input(str(found))


def _remote_inputs(source: str, settings: StoreSettings) -> Iterator[Input]:
    if has_format(source):
        folder = source.rpartition("/")[0]
        yield Input(source, open_store(folder, settings))
        return
    folder = source.rstrip("/")
    store = open_store(folder, settings)
    for found in store.list():
        if "/" not in found.key and has_format(found.key) and not found.key.endswith(REFUSED):
            yield Input(f"{folder}/{found.key}", store)
