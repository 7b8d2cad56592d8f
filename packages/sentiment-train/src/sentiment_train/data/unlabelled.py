"""Reviews without labels: where they come from, and which of them a training may see."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sentiment_core.errors import DataError
from sentiment_core.params import ColumnParams
from sentiment_train.data.dataset import read_data_file, text_fingerprints
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.sources.stanford import StanfordSource
from sentiment_train.data.tables import FORMATS, read_table

PACKAGE: Final = "package"
STANFORD: Final = "stanford"


@dataclass(frozen=True)
class UnlabelledReviews:
    """Distinct texts that are neither held out nor labelled."""

    source: str
    texts: list[str]

    @property
    def sha256(self) -> str:
        """Checksum of the texts, in their order."""
        digest = hashlib.sha256()
        for text in self.texts:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()


def load_unlabelled(
    name: str, labelled: NDArray[np.uint64], *, cache: Path, columns: ColumnParams | None = None
) -> UnlabelledReviews:
    """Read reviews without labels, and leave out those that have one.

    Parameters
    ----------
    name : str
        ``package`` or ``stanford``; or a file, or a folder whose files are all read, that
        `sentiment_train.data.tables.read_table` reads: the prediction log is one, where it records
        texts.
    labelled : array of uint64
        `text_fingerprints` of the labelled reviews, those held out among them.
    cache : Path
        Folder of downloads.
    columns : ColumnParams, optional
        Names the column of the texts; none takes ``text``. A column of labels is not looked at.

    Raises
    ------
    DataError
        If they cannot be read, or none is left.
    """
    source, texts = _read(name, cache, (columns or ColumnParams()).text)
    distinct = dict.fromkeys(text for text in texts if text.strip())
    fingerprints = text_fingerprints(distinct)
    _, first = np.unique(fingerprints, return_index=True)
    new = np.zeros(len(distinct), dtype=bool)
    new[first] = True
    new &= ~np.isin(fingerprints, labelled)
    kept = [text for text, is_new in zip(distinct, new, strict=True) if is_new]
    if not kept:
        raise DataError(
            f"{source} holds no review without a label: all {len(texts)} are blank, or among the "
            "labelled ones. Name other texts, or leave data.unlabelled (--unlabelled) out."
        )
    return UnlabelledReviews(source, kept)


def refuse_missing(name: str) -> None:
    """Raise DataError if no file, folder or source has this name; nothing is read."""
    if name not in {PACKAGE, STANFORD} and not Path(name).exists():
        raise DataError(
            f"No file or folder {name}: --unlabelled (data.unlabelled) takes {PACKAGE}, "
            f"{STANFORD}, or a file or folder of texts."
        )


def _read(name: str, cache: Path, column: str) -> tuple[str, list[str]]:
    if name == PACKAGE:
        package = PackageSource()
        return package.description, package.load()["text"].tolist()
    if name == STANFORD:
        stanford = StanfordSource(cache)
        return f"{stanford.description}, unlabelled reviews", stanford.load_unlabelled()
    refuse_missing(name)
    path = Path(name)
    files = sorted(_files(path)) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no file of texts ({', '.join(sorted(FORMATS))}).")
    tables = [read_table(read_data_file(file), file, column) for file in files]
    texts = [frame[column].tolist() for frame in tables if column in frame.columns]
    if not texts:
        raise DataError(
            f"{path} lacks the column {column}: it names {', '.join(map(str, tables[0].columns))}. "
            "Name the column with --text-column (data.columns); a prediction log holds texts with "
            "PREDICTION_LOG_TEXT."
        )
    return path.as_posix(), [text for of_file in texts for text in of_file]


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.suffix.lower() in FORMATS and file.is_file()]
