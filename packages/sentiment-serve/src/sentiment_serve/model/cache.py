"""The local copies of fetched models: a worker can start from them with everything else down.

The cache helps and never hinders: a model is fetched and checked in memory, so that neither a full
nor a read-only disk, nor whatever lies in the folder, keeps a good model from answering.
"""

import json
import logging
import math
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sentiment_core.atomic_files import remove_abandoned_parts, write_atomically
from sentiment_core.errors import ModelError
from sentiment_core.json_object import parse_object, text_of
from sentiment_core.model_package import ModelPackage, check_package, load_package
from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_core.scorer import LinearScorer
from sentiment_serve.model.version import VersionRef

logger = logging.getLogger(__name__)

FetchPackage = Callable[[str], Mapping[str, bytes]]
"""Reads the files of a package at an address."""

_KEPT_VERSIONS: Final = 2
_KEPT_PACKAGES: Final = 5
_PACKAGE_PREFIX: Final = "package-"
_MAX_RECORD_BYTES: Final = 1 << 16
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_ALIASES: Final = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class LoadedModel:
    """A model that passed its checks. Immutable: a request keeps the one it started with."""

    scorer: LinearScorer
    name: str
    alias: str
    version: str
    run_id: str
    metrics: dict[str, float]
    calibration: tuple[tuple[float, float], ...]
    digest: str
    loaded_at: datetime
    from_cache: bool


@dataclass(frozen=True)
class _Verified:
    """A version that was good, with its digest, and when that was seen."""

    ref: VersionRef
    digest: str
    at: float


class ModelCache:
    """A folder of packages by digest, and records of the versions of each alias that were good.

    Several workers and containers may share it: files appear whole, under names that say what is
    in them. A record stands beside the packages and again in its own, so that no single damaged
    file hides a version.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trouble = ""

    def load(self, ref: VersionRef, fetch: FetchPackage) -> LoadedModel:
        """Load a version, fetching it unless it is here; it is the alias's last good one then.

        Raises
        ------
        ModelError
            If the files are missing, damaged or fail their checks.
        SentimentError
            If the files cannot be fetched.
        """
        package = self._stored(ref.digest)
        files: Mapping[str, bytes] = {}
        if package is None:
            files = fetch(ref.package_uri)
            package = check_package(files)
            if ref.digest not in {None, package.scorer.digest}:
                raise ModelError(
                    f"Version {ref.version} holds another model than the registry says."
                )
        self._keep(ref, package.scorer.digest, files)
        return _loaded(ref, package, from_cache=False)

    def last_good(self, alias: str) -> LoadedModel | None:
        """Load the newest version of an alias that was good and is whole; nobody is asked."""
        tried = set()
        for verified in self._verified(alias):
            if verified.digest not in tried:
                tried.add(verified.digest)
                package = self._stored(verified.digest)
                if package:
                    return _loaded(verified.ref, package, from_cache=True)
        return None

    def _stored(self, digest: str | None) -> ModelPackage | None:
        """Load a package; None if it is not here, damaged or cannot be read now."""
        if digest is None or not _DIGEST.fullmatch(digest):
            return None
        try:
            package = load_package(self._package(digest))
        except (OSError, ModelError):
            return None
        return package if package.scorer.digest == digest else None

    def _keep(self, ref: VersionRef, digest: str, files: Mapping[str, bytes]) -> None:
        """Store what was fetched and remember that it is good, as far as the disk allows."""
        record = json.dumps(asdict(ref) | {"digest": digest, "verified_at": time.time()}).encode()
        package = self._package(digest)
        try:
            for path, content in (
                *((package / name, content) for name, content in files.items()),
                (package / f"{ref.alias}.json", record),
                (self._folder / f"{ref.alias}-{digest}.json", record),
            ):
                _put(path, content)
        except OSError as error:
            self._complain(error.strerror or str(error))
            return
        self._trouble = ""
        self._prune()

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.warning(
                "the model cache %s cannot be written (%s): a start without the registry serves "
                "what is there already", self._folder, trouble,
            )  # fmt: skip

    def _verified(self, alias: str) -> list[_Verified]:
        """Read the records of an alias, the newest first; damaged ones are as if absent."""
        found = []
        for pattern in (f"{alias}*.json", f"{_PACKAGE_PREFIX}*/{alias}.json"):
            with suppress(OSError):
                for path in self._folder.glob(pattern):
                    with suppress(OSError, ValueError):
                        found.append(_read_record(path, alias))
        return sorted(found, key=lambda verified: -verified.at)

    def _prune(self) -> None:
        """Delete what nobody needs; the last versions of each alias stay, whatever their age."""
        kept = set()
        for alias in _ALIASES:
            digests = dict.fromkeys(verified.digest for verified in self._verified(alias))
            kept |= {self._package(digest) for digest in list(digests)[:_KEPT_VERSIONS]}
        with suppress(OSError):
            packages = list(self._folder.glob(f"{_PACKAGE_PREFIX}*"))
            others = sorted((path for path in packages if path not in kept), key=_age)
            for path in others[max(_KEPT_PACKAGES - len(kept), 0) :]:
                _remove(path)
            for alias in _ALIASES:
                for record in self._folder.glob(f"{alias}-*.json"):
                    if not self._package(record.stem.removeprefix(f"{alias}-")).exists():
                        _remove(record)
            for folder in (self._folder, *kept):
                remove_abandoned_parts(folder)

    def _package(self, digest: str) -> Path:
        return self._folder / f"{_PACKAGE_PREFIX}{digest}"


def _read_record(path: Path, alias: str) -> _Verified:
    with path.open("rb") as file:
        record = parse_object(file.read(_MAX_RECORD_BYTES + 1), max_length=_MAX_RECORD_BYTES)
    ref = VersionRef(**{field.name: text_of(record, field.name) for field in fields(VersionRef)})
    if ref.alias != alias or not ref.digest or not _DIGEST.fullmatch(ref.digest):
        raise ValueError(f"{path} is the record of something else")
    at = record.get("verified_at")
    # The records of older releases have no time.
    when = at if isinstance(at, float) and math.isfinite(at) else 0.0
    return _Verified(ref, ref.digest, when)


def _put(path: Path, content: bytes) -> None:
    """Write a file, also where a file stands instead of its folder, or a folder instead of it."""
    with suppress(OSError):
        write_atomically(path, content)
        return
    if path.is_dir():
        _remove(path)
    if path.parent.name.startswith(_PACKAGE_PREFIX) and not path.parent.is_dir():
        _remove(path.parent)
    write_atomically(path, content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _age(path: Path) -> float:
    """Seconds since the last write; what another worker has just deleted is the oldest."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf


def _loaded(ref: VersionRef, package: ModelPackage, *, from_cache: bool) -> LoadedModel:
    return LoadedModel(
        scorer=package.scorer,
        name=ref.name,
        alias=ref.alias,
        version=ref.version,
        run_id=ref.run_id,
        metrics=package.metrics,
        calibration=package.calibration,
        digest=package.scorer.digest,
        loaded_at=datetime.now(UTC),
        from_cache=from_cache,
    )
