"""From a source of reviews to the CSV file that training reads."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sentiment_core.dataset import text_fingerprints
from sentiment_core.errors import DataError
from sentiment_train.data_checks import check_data
from sentiment_train.files import write_atomically
from sentiment_train.sources.base import ReviewSource


@dataclass(frozen=True)
class PreparedData:
    """A prepared file and how it came about."""

    path: str
    source: str
    rows: int
    positive: int
    seed: int
    samples: int | None
    duplicates_dropped: int
    contradictions_dropped: int
    sha256: str


def provenance_path(path: Path) -> Path:
    """Name the record that stands beside a prepared file.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    Path
        For example ``imdb_sample.csv.provenance.json``.
    """
    return path.with_name(f"{path.name}.provenance.json")


def report_paths(path: Path) -> tuple[Path, Path]:
    """Name the reports that stand beside a prepared file.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    json, html : Path
        For example ``imdb_sample.csv.report.json`` and ``imdb_sample.csv.report.html``.
    """
    return path.with_name(f"{path.name}.report.json"), path.with_name(f"{path.name}.report.html")


def read_provenance(path: Path) -> PreparedData | None:
    """Read how a file was prepared.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    PreparedData or None
        None if there is no record, or if the file has changed since.
    """
    try:
        record = PreparedData(**json.loads(provenance_path(path).read_text(encoding="utf-8")))
        content = path.read_bytes()
    except (OSError, ValueError, TypeError):
        return None
    return record if record.sha256 == hashlib.sha256(content).hexdigest() else None


def prepare_dataset(
    source: ReviewSource, output: Path, *, samples: int | None, seed: int
) -> PreparedData:
    """Write a balanced sample of distinct reviews; the same input gives the same bytes.

    Texts that are equal after cleaning count as duplicates: the first is kept, or none if their
    labels differ.

    Parameters
    ----------
    source : ReviewSource
        Where the reviews come from.
    output : Path
        CSV file; appears when it is complete, and replaces an older one.
    samples : int or None
        Reviews to draw, half of each class; None keeps all.
    seed : int
        Seed of the sample and of the order of the rows.

    Returns
    -------
    PreparedData
        Also written beside `output`.

    Raises
    ------
    DataError
        If the source fails or has too few distinct reviews.
    """
    frame = source.load()
    fingerprints = pd.Series(text_fingerprints(frame["text"]), index=frame.index)
    labels_of_text = frame["label"].groupby(fingerprints).transform("nunique")
    consistent = frame[labels_of_text == 1]
    distinct = consistent[~fingerprints[consistent.index].duplicated()]
    chosen = _sample(distinct, samples, np.random.default_rng(seed))
    content = chosen.to_csv(index=False, lineterminator="\n").encode("utf-8")
    prepared = PreparedData(
        path=output.as_posix(),
        source=source.description,
        rows=len(chosen),
        positive=int(chosen["label"].sum()),
        seed=seed,
        samples=samples,
        duplicates_dropped=len(consistent) - len(distinct),
        contradictions_dropped=len(frame) - len(consistent),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    record = json.dumps(asdict(prepared), indent=2) + "\n"
    write_atomically(provenance_path(output), record.encode("utf-8"))
    report = check_data(chosen)
    for target, text in zip(
        report_paths(output), (report.to_json(), report.to_html()), strict=True
    ):
        write_atomically(target, text.encode("utf-8"))
    write_atomically(output, content)
    return prepared


def _sample(frame: pd.DataFrame, samples: int | None, rng: np.random.Generator) -> pd.DataFrame:
    if samples is None:
        return frame.iloc[rng.permutation(len(frame))]
    parts = []
    for label, wanted in ((0, samples // 2), (1, samples - samples // 2)):
        rows = np.flatnonzero(frame["label"].to_numpy() == label)
        if len(rows) < wanted:
            raise DataError(
                f"The source has {len(rows)} distinct reviews with the label {label}, but "
                f"{samples} samples need {wanted}: ask for at most {2 * len(rows)}."
            )
        parts.append(rng.choice(rows, wanted, replace=False))
    return frame.iloc[rng.permutation(np.concatenate(parts))]
