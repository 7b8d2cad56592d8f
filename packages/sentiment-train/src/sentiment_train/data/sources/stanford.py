"""The original archive of the Large Movie Review Dataset (Maas et al. 2011)."""

import re
import tarfile
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final, Self

import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import SourceName
from sentiment_train.data.sources.base import IMDB_TRAIN_SPLIT, NO_NETWORK_NEEDED, SourceOptions
from sentiment_train.data.sources.download import download

URL: Final = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256: Final = (
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"  # pragma: allowlist secret
)

_REVIEW: Final = re.compile(r"aclImdb/train/(?P<class>neg|pos|unsup)/(?P<number>\d+)_\d+\.txt")
_LABELS: Final = ("neg", "pos")
_UNLABELLED: Final = ("unsup",)
_MAX_REVIEW_BYTES: Final = 1 << 20


class StanfordSource:
    """The 25,000 reviews of the train split, read from the archive without unpacking it.

    The cache keeps the archive (84 MB).
    """

    name: ClassVar[SourceName] = "stanford"
    origin: ClassVar[str] = f"{IMDB_TRAIN_SPLIT}, from its authors' archive"
    licence: ClassVar[str] = "none is named by the authors, who ask to cite their paper"

    def __init__(self, cache: Path, *, url: str = URL, sha256: str = SHA256) -> None:
        self._cache, self._url, self._sha256 = cache, url, sha256

    @classmethod
    def create(cls, options: SourceOptions) -> Self:  # noqa: D102 - as in the protocol
        return cls(options.cache)

    @property
    def description(self) -> str:
        """The archive's address and checksum."""
        return f"{self._url} (SHA-256 {self._sha256}), train split"

    @property
    def input_sha256(self) -> str | None:
        """None: the archive's checksum is fixed."""
        return None

    def load(self) -> pd.DataFrame:
        """Download the archive once and read its labelled training reviews.

        The negative ones come first, and each class is in the order of the file numbers.

        Raises
        ------
        DataError
            If the download fails, or if the archive is damaged or holds suspicious paths.
        """
        reviews = self._read(_LABELS)
        return pd.DataFrame(
            {
                "text": [text for _, _, text in reviews],
                "label": [_LABELS.index(name) for name, _, _ in reviews],
            }
        )

    def load_unlabelled(self) -> list[str]:
        """Read the archive's 50,000 reviews without labels, in the order of the file numbers.

        Raises
        ------
        DataError
            As `load`.
        """
        return [text for _, _, text in self._read(_UNLABELLED)]

    def _read(self, classes: tuple[str, ...]) -> list[tuple[str, int, str]]:
        archive = download(
            self._url,
            self._cache / PurePosixPath(self._url).name,
            sha256=self._sha256,
            otherwise=NO_NETWORK_NEEDED,
        )
        try:
            return _read_reviews(archive, classes)
        except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"The archive {archive} cannot be read: {error}. Delete it to download it again."
            ) from error


def _read_reviews(archive: Path, classes: tuple[str, ...]) -> list[tuple[str, int, str]]:
    reviews: list[tuple[str, int, str]] = []
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise DataError(
                    f"The archive {archive} holds the path {member.name}, which leads out of it: "
                    "it is not the data set. Delete the file."
                )
            match = _REVIEW.fullmatch(member.name)
            wanted = match and match["class"] in classes and member.isreg()
            file = tar.extractfile(member) if wanted else None
            if match is None or file is None:
                continue
            if member.size > _MAX_REVIEW_BYTES:
                raise DataError(
                    f"The archive {archive} holds {member.name} of {member.size} bytes: it is not "
                    "the data set. Delete the file."
                )
            reviews.append((match["class"], int(match["number"]), file.read().decode("utf-8")))
    if not reviews:
        raise DataError(
            f"The archive {archive} holds no training reviews: it is not the data set. Delete the "
            "file."
        )
    return sorted(reviews)
