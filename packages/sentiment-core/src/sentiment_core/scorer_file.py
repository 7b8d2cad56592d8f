"""What a scorer file holds, in a container of plain arrays (see `sentiment_core.array_file`)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentiment_core.array_file import pack, unpack
from sentiment_core.cleaning import CLEANING_VERSION
from sentiment_core.errors import ScorerError
from sentiment_core.json_object import text_of
from sentiment_core.labels import MAX_LABEL_LENGTH, SENTIMENTS, LabelNames
from sentiment_core.vocabulary import Vocabulary

MAX_NGRAM: Final = 16
"""Longest n-gram that is read, in words; each length costs a step for every text."""

LARGEST_WEIGHT: Final = 1e9
"""Largest magnitude of a weight that is read: sums and squares of such stay finite."""

_WORD_SEPARATOR: Final = "\n"
_DTYPES: Final = {
    "words": np.uint8, "keys": np.int64, "idf": np.float64, "coefficients": np.float64
}  # fmt: skip


class ScorerContent(NamedTuple):
    """All that a scorer is made of; see `sentiment_core.scorer.LinearScorer`."""

    vocabulary: Vocabulary
    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float
    max_ngram: int
    sublinear_tf: bool
    labels: LabelNames | None = None


def encode_scorer(content: ScorerContent) -> bytes:
    """Serialise a scorer; equal scorers give equal bytes.

    Parameters
    ----------
    content : ScorerContent
        The scorer.

    Returns
    -------
    bytes
        Content of a scorer file.
    """
    header: dict[str, object] = {
        "cleaning_version": CLEANING_VERSION,
        "intercept": content.intercept,
        "max_ngram": content.max_ngram,
        "sublinear_tf": content.sublinear_tf,
    }
    if content.labels:
        header["labels"] = dict(content.labels)
    words = _WORD_SEPARATOR.join(content.vocabulary.words).encode("utf-8")
    arrays: dict[str, NDArray[Any]] = {
        "words": np.frombuffer(words, dtype=np.uint8),
        "keys": content.vocabulary.keys,
        "idf": content.idf,
        "coefficients": content.coefficients,
    }
    return pack(header, arrays)


def decode_scorer(data: bytes) -> tuple[ScorerContent, str]:
    """Read the content of a scorer file.

    Parameters
    ----------
    data : bytes
        As returned by `encode_scorer`.

    Returns
    -------
    content : ScorerContent
        Equal to the one that was serialised.
    digest : str
        Its hex SHA-256.

    Raises
    ------
    ScorerError
        If the data are damaged, foreign or made for another version of the cleaning.
    """
    header, arrays, digest = unpack(data)
    try:
        if header["cleaning_version"] != CLEANING_VERSION:
            raise ScorerError(
                f"made for text cleaning version {header['cleaning_version']!r:.20}, but this "
                f"sentiment-core has version {CLEANING_VERSION}: train again or install the "
                "release that wrote it"
            )
        if {name: array.dtype for name, array in arrays.items()} != _DTYPES:
            raise ScorerError("malformed (it holds other arrays)")
        joined = arrays["words"].tobytes().decode("utf-8")
        content = ScorerContent(
            Vocabulary(joined.split(_WORD_SEPARATOR) if joined else [], arrays["keys"]),
            idf=arrays["idf"],
            coefficients=arrays["coefficients"],
            intercept=_intercept(header),
            max_ngram=_max_ngram(header),
            sublinear_tf=_sublinear_tf(header),
            labels=_labels(header),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ScorerError(f"malformed ({error!s:.200})") from error
    return content, digest


def _intercept(header: Mapping[str, Any]) -> float:
    value = header["intercept"]
    if type(value) not in {int, float} or not abs(value) <= LARGEST_WEIGHT:
        raise ValueError(f"its intercept is no number of at most {LARGEST_WEIGHT:.0e}")
    return float(value)


def _max_ngram(header: Mapping[str, Any]) -> int:
    value = header["max_ngram"]
    if type(value) is not int or not 1 <= value <= MAX_NGRAM:
        raise ValueError(f"its max_ngram is no whole number from 1 to {MAX_NGRAM}")
    return value


def _sublinear_tf(header: Mapping[str, Any]) -> bool:
    value = header["sublinear_tf"]
    if type(value) is not bool:
        raise ValueError("its sublinear_tf is neither true nor false")
    return value


def _labels(header: Mapping[str, Any]) -> LabelNames | None:
    names = header.get("labels")
    if names is None:
        return None
    if not isinstance(names, dict) or set(names) != set(SENTIMENTS):
        raise ValueError("its labels do not name both classes")
    return {name: text_of(names, name, max_length=MAX_LABEL_LENGTH) for name in SENTIMENTS}


def digest_of(data: bytes) -> str:
    """Return the digest of a scorer file's content, as hex SHA-256."""
    return unpack(data).digest
