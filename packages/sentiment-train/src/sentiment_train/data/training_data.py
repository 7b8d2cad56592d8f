"""The data file of a training: the one that the parameters ask for, or the one that is named."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.errors import DataError
from sentiment_core.params import DataParams, Params
from sentiment_train.data.dataset import parse_dataset, read_data_file, text_fingerprints
from sentiment_train.data.prepare import (
    describe_stranger,
    ensure_dataset,
    prepare_dataset,
    sample_differences,
)
from sentiment_train.data.provenance import PreparedData, read_provenance
from sentiment_train.data.sources.by_name import find_source
from sentiment_train.settings import TrainSettings


@dataclass(frozen=True)
class TrainingData:
    """Labelled reviews as they were read, and what is known of their file."""

    path: Path
    frame: pd.DataFrame
    fingerprints: NDArray[np.uint64]
    """Fingerprints of the texts, in the order of the rows."""
    md5: str
    """Plain MD5 is DVC's name for the file in its cache and on its remotes."""
    provenance: PreparedData | None
    params: Params
    """The parameters, with those of the data as they truly were."""


def provide_data_file(
    params: Params,
    data_path: Path | None,
    settings: TrainSettings,
    on_notice: Callable[[str], None] = lambda _note: None,
) -> Path:
    """Find the file to train on; make that of the parameters if it is missing or made otherwise.

    Parameters
    ----------
    data_path : Path or None
        A file that the user names, which is taken as it is; None takes ``data.path``.
    on_notice : callable, optional
        Called with a sentence on what was done that the user may not expect.

    Raises
    ------
    DataError
        If the parameters ask for other data than what lies there, and it cannot be made.
    """
    data = params.data
    if data_path is not None:
        _note_unused(data_path, data, on_notice)
        return data_path
    path = Path(data.path)
    record = read_provenance(path)
    if path.exists() and record is None:
        if data.source != "csv":
            raise DataError(
                f"{path} {describe_stranger(path)}, but data.source asks for {data.source}. Make "
                "it again with `sentiment-cli prepare-data --force`; or, to train on the file as "
                f"it is, add --data-path {path}, or set data.source to csv in params.yaml."
            )
        _note_unused(path, data, on_notice)
        return path
    if data.source == "csv":
        _refuse_other_csv(path, data, record)
        return path
    source = find_source(data.source, cache=settings.download_cache)
    if record is None:
        prepare_dataset(source, path, samples=data.samples, seed=data.seed)
        return path
    outcome = ensure_dataset(source, path, samples=data.samples, seed=data.seed)
    if outcome.created:
        on_notice(f"{path} was made again: it had {'; '.join(outcome.differences)}.")
    return path


def read_training_data(path: Path, params: Params) -> TrainingData:
    """Read and check a data file once: reviews, checksum and provenance are of the same content."""
    content = read_data_file(path)
    record = read_provenance(path, content)
    used = params.model_copy(update={"data": used_data_params(params.data, path, record)})
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    frame = parse_dataset(content, path, used.data.columns)
    del content  # large, and read
    return TrainingData(
        path=path,
        frame=frame,
        fingerprints=text_fingerprints(frame["text"]),
        md5=md5,
        provenance=record,
        params=used,
    )


def check_data_file(path: Path, params: Params) -> None:
    """Raise what `read_training_data` would, and keep nothing of a large file in memory."""
    content = read_data_file(path)
    used = used_data_params(params.data, path, read_provenance(path, content))
    parse_dataset(content, path, used.columns)
    if arrow := sys.modules.get("pyarrow"):
        # What pandas keeps strings in is not given back by itself.
        arrow.default_memory_pool().release_unused()


def used_data_params(data: DataParams, path: Path, record: PreparedData | None) -> DataParams:
    """Replace what was asked for by what the file is.

    The result makes the same training again: `data.seed` is the seed of the split, and of the
    sample too if a source other than csv stands there. It is the source csv with all rows where the
    parameters cannot say how the file was made.
    """
    known = record is not None and record.source_name is not None and record.seed == data.seed
    truth = {
        "path": path.as_posix(),
        "source": record.source_name if record and known else "csv",
        "samples": record.samples if record and known else None,
        # A prepared file has the usual ones.
        "columns": None if record else data.columns,
    }
    return data.model_copy(update=truth)


def _note_unused(path: Path, data: DataParams, on_notice: Callable[[str], None]) -> None:
    if not path.exists():
        return
    used = used_data_params(data, path, read_provenance(path))
    unused = [
        f"data.{name} ({getattr(data, name)})"
        for name in ("source", "samples")
        if getattr(data, name) != getattr(used, name)
    ]
    if unused:
        on_notice(f"{path} is taken as it is; not used: {', '.join(unused)}.")


def _refuse_other_csv(path: Path, data: DataParams, record: PreparedData | None) -> None:
    how = (
        f"`sentiment-cli prepare-data --source csv --input FILE --output {path}` (with --samples "
        "and --seed as in the parameters)"
    )
    if record is None:
        raise DataError(
            f"No data file {path}, and data.source is csv: make it from your own file with {how}, "
            "or name your file with --data-path."
        )
    differences = sample_differences(record, samples=data.samples, seed=data.seed)
    if record.source_name != "csv":
        differences.insert(0, f"source {record.source_name}, not csv")
    if differences:
        raise DataError(
            f"{path} was made otherwise than the parameters say: {'; '.join(differences)}. Make it "
            f"from your own file with {how}, or correct data.* in params.yaml."
        )
