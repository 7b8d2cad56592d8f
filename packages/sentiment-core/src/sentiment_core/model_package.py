"""The folder in which a model travels: from training through registry and store to the API.

It holds the scorer, a manifest with the scorer's digest and a self-test, and the model card. It is
all that scoring needs; nothing in it is code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sentiment_core.atomic_files import ABSENCE
from sentiment_core.errors import ModelPackageError, ScorerError
from sentiment_core.json_object import parse_object
from sentiment_core.labels import SENTIMENTS
from sentiment_core.scorer import LinearScorer

SCORER_FILE: Final = "scorer.bin"
MANIFEST_FILE: Final = "manifest.json"
MODEL_CARD_FILE: Final = "MODEL_CARD.md"
PACKAGE_FILES: Final = (MANIFEST_FILE, SCORER_FILE, MODEL_CARD_FILE)
"""What a consumer needs; training may put more beside them."""

SIGNATURE: Final = {
    "inputs": {"text": "string"},
    "outputs": {"sentiment": "string", "confidence": "double"},
    "classes": list(SENTIMENTS),
}
"""What a model takes and gives; a package with another signature is refused."""

SELF_TEST_TOLERANCE: Final = 1e-9
_MAX_MANIFEST_BYTES: Final = 1 << 22
_MAX_POINTS: Final = 100


@dataclass(frozen=True)
class ModelPackage:
    """A scorer that passed every check, and what is known about it."""

    scorer: LinearScorer
    metrics: dict[str, float]
    calibration: tuple[tuple[float, float], ...] = ()
    """Predicted probability and observed share of positive texts, of held-out rows in bins."""


def write_package(
    folder: Path,
    scorer: LinearScorer,
    *,
    metrics: Mapping[str, float],
    examples: Sequence[str],
    model_card: str,
    calibration: Sequence[tuple[float, float]] = (),
) -> None:
    """Write a model package; the same input gives the same bytes.

    Parameters
    ----------
    folder : Path
        The folder, which is created.
    scorer : LinearScorer
        The model.
    metrics : mapping of str to float
        Figures on held-out rows.
    examples : sequence of str
        Texts of the self-test.
    model_card : str
        Markdown.
    calibration : sequence of (float, float)
        Predicted probability and observed share, of held-out rows in bins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scorer.save(folder / SCORER_FILE)
    manifest = {
        "scorer_sha256": scorer.digest,
        "signature": SIGNATURE,
        "metrics": dict(metrics),
        "calibration": [list(point) for point in calibration],
        "self_test": [
            {"text": text, "positive_probability": scorer.predict_positive(text)}
            for text in examples
        ],
    }
    content = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(content + "\n", encoding="utf-8")
    (folder / MODEL_CARD_FILE).write_text(model_card, encoding="utf-8")


def load_package(folder: Path) -> ModelPackage:
    """Read a model package and check it: complete, undamaged, and predicting as it did.

    Parameters
    ----------
    folder : Path
        As written by `write_package`.

    Returns
    -------
    ModelPackage
        Ready to score.

    Raises
    ------
    ScorerError
        As `check_package`, and if a file is missing.
    OSError
        If a file cannot be read now, which says nothing of the package.
    """
    return check_package({name: _read(folder / name) for name in (MANIFEST_FILE, SCORER_FILE)})


def check_package(files: Mapping[str, bytes]) -> ModelPackage:
    """Check a model package that is in memory, as `load_package` does.

    Parameters
    ----------
    files : mapping of str to bytes
        Content of the files by their names; only manifest and scorer are looked at.

    Returns
    -------
    ModelPackage
        Ready to score.

    Raises
    ------
    ScorerError
        If the scorer is damaged, foreign or of another version.
    ModelPackageError
        If the manifest is malformed, names another scorer or signature, or if the scorer fails
        the self-test.
    """
    try:
        manifest = parse_object(files[MANIFEST_FILE], max_length=_MAX_MANIFEST_BYTES)
        scorer = LinearScorer.from_bytes(files[SCORER_FILE])
        _check(scorer, manifest)
        metrics = {str(name): float(value) for name, value in manifest["metrics"].items()}
        calibration = _points(manifest.get("calibration", []))
    except ModelPackageError:
        raise
    except ScorerError as error:
        raise ScorerError(f"The scorer file {SCORER_FILE} is {error}.") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelPackageError(
            f"The manifest {MANIFEST_FILE} is malformed ({error!r:.200})."
        ) from error
    return ModelPackage(scorer, metrics, calibration)


def _points(found: list[list[float]]) -> tuple[tuple[float, float], ...]:
    points = tuple((float(predicted), float(observed)) for predicted, observed in found)
    if len(points) > _MAX_POINTS or not all(0 <= value <= 1 for point in points for value in point):
        raise ValueError("calibration")
    return points


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except ABSENCE as error:
        raise ModelPackageError(f"Cannot read {path}: {error.strerror}.") from error


def _check(scorer: LinearScorer, manifest: dict[str, Any]) -> None:
    if manifest["signature"] != SIGNATURE:
        raise ModelPackageError("The model has another signature than this release serves.")
    if manifest["scorer_sha256"] != scorer.digest:
        raise ModelPackageError("The scorer is not the one that the manifest names.")
    if not manifest["self_test"]:
        raise ModelPackageError("The model package has no self-test.")
    for example in manifest["self_test"]:
        expected, actual = (
            float(example["positive_probability"]),
            scorer.predict_positive(example["text"]),
        )
        if not abs(actual - expected) <= SELF_TEST_TOLERANCE:
            raise ModelPackageError(
                f"The model fails its self-test: {actual!r} instead of {expected!r}."
            )
