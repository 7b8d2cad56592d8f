"""Finds a source by its name."""

from pathlib import Path

from sentiment_core.errors import DataError
from sentiment_core.params import SourceName
from sentiment_train.data.sources.base import ReviewSource
from sentiment_train.data.sources.csv_file import CsvSource
from sentiment_train.data.sources.hub import HubSource
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.sources.stanford import StanfordSource


def find_source(name: SourceName, *, cache: Path, csv_path: Path | None = None) -> ReviewSource:
    """Create the source with a name.

    Parameters
    ----------
    name : {"package", "stanford", "hub", "csv"}
        As in ``data.source``.
    cache : Path
        Folder of downloads.
    csv_path : Path, optional
        The file of the source ``csv``.

    Returns
    -------
    ReviewSource
        Nothing is read or downloaded yet.

    Raises
    ------
    DataError
        If the source ``csv`` has no file.
    """
    if name == "package":
        return PackageSource()
    if name == "stanford":
        return StanfordSource(cache)
    if name == "hub":
        return HubSource(cache)
    if csv_path is None:
        raise DataError(
            "The source csv needs a file: name one with "
            "`sentiment-cli prepare-data --source csv --input FILE`."
        )
    return CsvSource(csv_path)
