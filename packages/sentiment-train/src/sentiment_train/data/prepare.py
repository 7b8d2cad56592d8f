"""From a source of reviews to the CSV file that training reads."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sentiment_core.atomic_files import write_atomically
from sentiment_core.errors import DataError
from sentiment_train.data.checks import check_data
from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.data.provenance import PreparedData, provenance_path, read_provenance
from sentiment_train.data.sources.base import ReviewSource
from sentiment_train.progress import progress


@dataclass(frozen=True)
class Outcome:
    """What became of the request for a file."""

    record: PreparedData
    created: bool
    differences: tuple[str, ...]
    """How a file that was replaced had been made otherwise."""


def report_paths(path: Path) -> tuple[Path, Path]:
    """Name the reports beside a prepared file: ``x.csv.report.json`` and ``x.csv.report.html``."""
    return path.with_name(f"{path.name}.report.json"), path.with_name(f"{path.name}.report.html")


def ensure_dataset(
    source: ReviewSource, output: Path, *, samples: int | None, seed: int, force: bool = False
) -> Outcome:
    """Make a file as `prepare_dataset` does, unless what lies there is what is asked for.

    A file that was made otherwise is made again if its record proves that nothing is lost by it;
    `force` replaces any file.

    Raises
    ------
    DataError
        If the file that lies there would be lost, or as `prepare_dataset`.
    """
    differences: list[str] = []
    if not force and output.exists():
        record = read_provenance(output)
        if record is None:
            raise DataError(
                f"{output} {describe_stranger(output)}, so it is kept. Name another file with "
                "--output, or replace this one with --force."
            )
        differences = find_differences(record, source, samples=samples, seed=seed)
        if not differences:
            return Outcome(record, created=False, differences=())
        if not can_be_made_again(record, source):
            raise DataError(
                f"{output} was made from {record.source}, perhaps of other content, and cannot be "
                f"made again from what is asked for ({'; '.join(differences)}), so it is kept. "
                "Name another file with --output, or replace this one with --force."
            )
    prepared = prepare_dataset(source, output, samples=samples, seed=seed)
    return Outcome(prepared, created=True, differences=tuple(differences))


def describe_stranger(path: Path) -> str:
    """Say in the rest of a sentence why a file without a valid record counts as the user's own."""
    if provenance_path(path).exists():
        return "was changed since prepare-data made it"
    return "was not made by prepare-data"


def find_differences(
    record: PreparedData, source: ReviewSource, *, samples: int | None, seed: int
) -> list[str]:
    """Say in words how the way a file was made differs from what is asked for."""
    differences = []
    if record.source_name != source.name:
        differences.append(f"source {record.source_name}, not {source.name}")
    elif source.input_sha256 is None and record.source != source.description:
        differences.append(f"source {record.source}, not {source.description}")
    elif source.input_sha256 != record.input_sha256:
        differences.append(f"other content of the input than {source.description} has now")
    elif _reading(record.source) != _reading(source.description):
        differences.append(f"{record.source}, not {source.description}")
    return differences + sample_differences(record, samples=samples, seed=seed)


def _reading(description: str) -> str:
    """Return how a file was read: what its description says in parentheses."""
    return description.partition(" (")[2]


def sample_differences(record: PreparedData, *, samples: int | None, seed: int) -> list[str]:
    """Say in words how the sample of a file differs from what is asked for."""
    differences = []
    if record.samples != samples:
        differences.append(f"samples {_size(record.samples)}, not {_size(samples)}")
    if record.seed != seed:
        differences.append(f"seed {record.seed}, not {seed}")
    return differences


def can_be_made_again(record: PreparedData, source: ReviewSource) -> bool:
    """Tell whether a file that is unchanged since it was made can be replaced without loss.

    It cannot if it was drawn from a user's file that is not the one at hand.
    """
    if record.source_name is None:
        return False
    return record.source_name != "csv" or (
        record.input_sha256 is not None and record.input_sha256 == source.input_sha256
    )


def _size(samples: int | None) -> str:
    return "null (all)" if samples is None else str(samples)


def prepare_dataset(
    source: ReviewSource, output: Path, *, samples: int | None, seed: int
) -> PreparedData:
    """Write a balanced sample of distinct reviews; the same input gives the same bytes.

    Texts that are equal after cleaning count as duplicates: the first is kept, or none if their
    labels differ. The record that is returned is also written beside the file.

    Parameters
    ----------
    output : Path
        CSV file; appears when it is complete, and replaces an older one.
    samples : int or None
        Reviews to draw, half of each class; None keeps all.
    seed : int
        Seed of the sample and of the order of the rows.

    Raises
    ------
    DataError
        If the source fails or has too few distinct reviews.
    """
    with progress("Preparing reviews") as show_detail:
        return _prepare(source, output, samples, seed, show_detail)


def _prepare(
    source: ReviewSource,
    output: Path,
    samples: int | None,
    seed: int,
    show_detail: Callable[[str], None],
) -> PreparedData:
    frame = source.load()
    show_detail(f"looking for duplicates among {len(frame):,}")
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
        source_name=source.name,
        input_sha256=source.input_sha256,
        origin=source.origin,
        licence=source.licence,
    )
    show_detail("checking")
    report = check_data(chosen, fingerprints[chosen.index].to_numpy(), prepared)
    record = json.dumps(asdict(prepared), indent=2) + "\n"
    texts = (record, report.to_json(), report.to_html())
    try:
        for target, text in zip(
            (provenance_path(output), *report_paths(output)), texts, strict=True
        ):
            write_atomically(target, text.encode("utf-8"))
        write_atomically(output, content)
    except OSError as error:
        raise DataError(
            f"Cannot write {output}: {error.strerror}. Name another file with --output, or as "
            "data.path in params.yaml."
        ) from error
    return prepared


def _sample(frame: pd.DataFrame, samples: int | None, rng: np.random.Generator) -> pd.DataFrame:
    if samples is None:
        return frame.iloc[rng.permutation(len(frame))]
    rows = [np.flatnonzero(frame["label"].to_numpy() == label) for label in (0, 1)]
    most = 2 * min(map(len, rows))
    parts = []
    for label, wanted in ((0, samples // 2), (1, samples - samples // 2)):
        if len(rows[label]) < wanted:
            raise DataError(
                f"The source has {len(rows[label])} distinct reviews with the label {label}, but "
                f"{samples} samples need {wanted}: ask for at most {most} (--samples, or "
                "data.samples in params.yaml, where null takes all)."
            )
        parts.append(rng.choice(rows[label], wanted, replace=False))
    return frame.iloc[rng.permutation(np.concatenate(parts))]
