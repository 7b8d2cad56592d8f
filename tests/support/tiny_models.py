"""A model and a registry small enough for tests of the API."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sentiment_core.atomic_files import write_atomically
from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import UnreachableError
from sentiment_core.labels import LabelNames
from sentiment_core.model_package import MANIFEST_FILE, write_package
from sentiment_core.registry_names import CHALLENGER, CHAMPION, DEFAULT_MODEL_NAME, PACKAGE_ARTIFACT
from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.version import RegisteredVersion, VersionRef, alias_not_set


def make_scorer(weight: float = 4.0, labels: LabelNames | None = None) -> LinearScorer:
    """Make a model that knows two words, ``good`` and ``bad``; a negative weight turns them."""
    vocabulary, _ = Vocabulary.from_terms(["bad", "good"])
    return LinearScorer(
        vocabulary=vocabulary,
        idf=np.array([1.0, 1.0]),
        coefficients=np.array([-weight, weight]),
        intercept=0.1,
        max_ngram=1,
        sublinear_tf=True,
        labels=labels,
    )


def export_version(folder: Path, version: str, scorer: LinearScorer) -> None:
    """Put a version and the pointer to it into a folder, as training exports them."""
    write_package(
        folder / version, scorer, metrics={"f1": 0.9}, examples=["good"], model_card="# Card\n"
    )
    pointer = ChampionPointer("exported", version, "run", version, scorer.digest)
    write_atomically(folder / POINTER_FILE, pointer.to_json().encode())


def make_model_of_version(alias, version, from_cache=False):
    """Make a loaded model, as the API holds it."""
    return LoadedModel(
        scorer=make_scorer(), name="m", alias=alias, version=version, run_id="r", metrics={},
        calibration=(), digest="d" + version, loaded_at=datetime.now(UTC), from_cache=from_cache,
    )  # fmt: skip


class FolderRegistry:
    """Stands for MLflow, which the API's own environment does not have: versions are folders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.aliases: dict[str, str] = {}
        self.failures: dict[str, Exception] = {}
        self.asked = 0

    @property
    def reachable(self) -> bool:
        return not self.failures

    @reachable.setter
    def reachable(self, value: bool) -> None:
        """Let every alias fail, or none."""
        error = UnreachableError("The registry does not answer.")
        self.failures = {} if value else dict.fromkeys((CHAMPION, CHALLENGER), error)

    def add(self, version: str, scorer: LinearScorer | None = None, alias: str = CHAMPION) -> Path:
        """Write a version and let an alias name it; returns the folder of its package."""
        folder = self._root / version / PACKAGE_ARTIFACT
        write_package(
            folder,
            scorer or make_scorer(),
            metrics={"f1": 0.9},
            examples=["good", "bad"],
            model_card="# Card\n",
        )
        self.aliases[alias] = version
        return folder

    def versions(self) -> list[RegisteredVersion]:
        return [
            RegisteredVersion(version, aliases=(alias,))
            for alias, version in sorted(self.aliases.items())
        ]

    def resolve(self, alias: str) -> VersionRef:
        self.asked += 1
        if alias in self.failures:
            raise self.failures[alias]
        if alias not in self.aliases:
            raise alias_not_set(DEFAULT_MODEL_NAME, alias, "of this test")
        version = self.aliases[alias]
        folder = self._root / version / PACKAGE_ARTIFACT
        try:
            digest = json.loads((folder / MANIFEST_FILE).read_text())["scorer_sha256"]
        except OSError:
            digest = None
        return VersionRef(DEFAULT_MODEL_NAME, alias, version, "run", str(folder), digest)
