"""The local copies of fetched models: a worker can start from them with everything else down."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sentiment_core.atomic_files import write_atomically
from sentiment_core.errors import ModelError, UnreachableError
from sentiment_core.model_package import load_package
from sentiment_core.scorer import LinearScorer
from sentiment_serve.model.version import VersionRef

_KEPT_PACKAGES: Final = 5


@dataclass(frozen=True)
class LoadedModel:
    """A model that passed its checks. Immutable: a request keeps the one it started with."""

    scorer: LinearScorer
    name: str
    alias: str
    version: str
    run_id: str
    metrics: dict[str, float]
    digest: str
    loaded_at: datetime
    from_cache: bool


class ModelCache:
    """A folder of packages by digest, and for each alias the last version that was good.

    Several workers may share it: files appear whole, under names that say what is in them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, ref: VersionRef, fetch: Callable[[str, Path], None]) -> LoadedModel:
        """Load a version, fetching it unless it is here; it is the alias's last good one then.

        Raises
        ------
        ModelError
            If the files are missing, damaged or fail their checks.
        SentimentError
            If the files cannot be fetched, or the cache cannot be written.
        """
        try:
            return self._load_cached(ref) or self._fetch(ref, fetch)
        except OSError as error:
            raise UnreachableError(
                f"The model cache {self._folder} cannot be used: {error}."
            ) from error

    def last_good(self, alias: str) -> LoadedModel | None:
        """Load the last good version of an alias without asking anybody; None if damaged."""
        try:
            record = json.loads(self._record(alias).read_text(encoding="utf-8"))
            ref = VersionRef(**record)
            return self._load_cached(ref, from_cache=True)
        except (OSError, ValueError, TypeError):
            return None

    def _load_cached(self, ref: VersionRef, *, from_cache: bool = False) -> LoadedModel | None:
        if ref.digest is None or not self._package(ref.digest).is_dir():
            return None
        try:
            model = _load(ref, self._package(ref.digest), from_cache=from_cache)
        except ModelError:
            shutil.rmtree(self._package(ref.digest), ignore_errors=True)
            return None
        self._remember(ref, model.digest)
        return model

    def _fetch(self, ref: VersionRef, fetch: Callable[[str, Path], None]) -> LoadedModel:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".fetch-") as temporary:
            folder = Path(temporary, "package")
            folder.mkdir()
            fetch(ref.package_uri, folder)
            model = _load(ref, folder, from_cache=False)
            if ref.digest not in {None, model.digest}:
                raise ModelError(
                    f"Version {ref.version} holds another model than the registry says."
                )
            try:
                folder.rename(self._package(model.digest))
            except OSError:
                if not self._package(model.digest).is_dir():  # else another worker was faster
                    raise
        self._remember(ref, model.digest)
        self._prune()
        return model

    def _remember(self, ref: VersionRef, digest: str) -> None:
        record = json.dumps(asdict(ref) | {"digest": digest})
        write_atomically(self._record(ref.alias), record.encode())
        os.utime(self._package(digest))

    def _prune(self) -> None:
        packages = sorted(
            self._folder.glob("package-*"), key=lambda path: path.stat().st_mtime, reverse=True
        )
        for path in packages[_KEPT_PACKAGES:]:
            shutil.rmtree(path, ignore_errors=True)

    def _package(self, digest: str) -> Path:
        return self._folder / f"package-{Path(digest).name}"

    def _record(self, alias: str) -> Path:
        return self._folder / f"{alias}.json"


def _load(ref: VersionRef, folder: Path, *, from_cache: bool) -> LoadedModel:
    package = load_package(folder)
    return LoadedModel(
        scorer=package.scorer,
        name=ref.name,
        alias=ref.alias,
        version=ref.version,
        run_id=ref.run_id,
        metrics=package.metrics,
        digest=package.scorer.digest,
        loaded_at=datetime.now(UTC),
        from_cache=from_cache,
    )
