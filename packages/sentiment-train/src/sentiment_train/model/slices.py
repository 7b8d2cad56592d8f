"""Cuts reviews into slices, so that a model that does badly on some is seen to."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentiment_core.cleaning import tokenize


class LengthSlice(NamedTuple):
    """Reviews of a length, in words."""

    name: str
    rows: NDArray[np.bool_]


def by_length(texts: Sequence[str]) -> list[LengthSlice]:
    """Cut reviews into thirds by their number of words.

    Parameters
    ----------
    texts : sequence of str, length n_reviews
        At least one.

    Returns
    -------
    list of LengthSlice
        From short to long, with masks of shape (n_reviews,); fewer than three where many reviews
        are of one length.
    """
    lengths = np.array([len(tokenize(text)) for text in texts])
    limits = np.unique(np.quantile(lengths, [1 / 3, 2 / 3], method="lower"))
    third = np.searchsorted(limits, lengths)
    slices = []
    for number in np.unique(third):
        rows = third == number
        name = f"{lengths[rows].min()} to {lengths[rows].max()} words"
        slices.append(LengthSlice(name, rows))
    return slices
