"""Finds a source by its name."""

from pathlib import Path
from typing import Final

from sentiment_core.params import ColumnParams, SourceName
from sentiment_train.data.sources.base import ReviewSource, SourceOptions
from sentiment_train.data.sources.csv_file import CsvSource
from sentiment_train.data.sources.hub import HubSource
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.sources.stanford import StanfordSource

SOURCES: Final[dict[SourceName, type[ReviewSource]]] = {
    "package": PackageSource,
    "stanford": StanfordSource,
    "hub": HubSource,
    "csv": CsvSource,
}
"""By the names that ``data.source`` may have."""


def find_source(
    name: SourceName,
    *,
    cache: Path,
    csv_path: Path | None = None,
    columns: ColumnParams | None = None,
) -> ReviewSource:
    """Create the source that ``data.source`` names; nothing is read or downloaded yet.

    Raises
    ------
    DataError
        If the source ``csv`` has no file.
    """
    return SOURCES[name].create(SourceOptions(cache, csv_path, columns))
