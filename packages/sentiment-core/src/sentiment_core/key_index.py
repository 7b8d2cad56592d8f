"""Finds many keys at once in a sorted array: exact, and without searching.

Each key has one slot of a table, by multiplicative hashing (Knuth, "The Art of Computer
Programming", volume 3, section 6.4). A slot holds the place of its key. Where several share a slot
one has it, the slot is marked as crowded, and the others stand in a small sorted array that is only
asked for such slots.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NO_KEY: Final = np.iinfo(np.int64).max
"""Closes the keys, and is what empty slots point to: nothing that is looked for is as large."""

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and near 2^64 divided by the golden ratio."""

_SLOTS_PER_KEY: Final = 2
_WORD_BITS: Final = 64


class KeyIndex:
    """Finds the places of keys. Immutable.

    Parameters
    ----------
    keys : array of int64, shape (n_keys + 1,)
        Rising, each from 0 to less than `NO_KEY`, which closes them.

    Examples
    --------
    >>> index = KeyIndex(np.array([3, 5, 8, NO_KEY]))
    >>> hits, places = index.find(np.array([5, 4, 3]))
    >>> hits.tolist(), places[hits].tolist()
    ([True, False, True], [1, 0])
    """

    __slots__ = ("_crowded", "_keys", "_other_keys", "_other_places", "_places", "_shift")

    def __init__(self, keys: NDArray[np.int64]) -> None:
        self._keys = keys
        n_keys = len(keys) - 1
        bits = max(1, (_SLOTS_PER_KEY * n_keys - 1).bit_length())
        self._shift = np.uint64(_WORD_BITS - bits)
        slots, places = self._slots(keys[:-1]), np.arange(n_keys, dtype=np.int32)
        self._places = np.full(1 << bits, n_keys, dtype=np.int32)
        self._places[slots] = places
        self._other_places = places[self._places[slots] != places]
        self._other_keys = np.append(keys[self._other_places], NO_KEY)
        self._crowded = np.zeros(1 << bits, dtype=np.bool_)
        self._crowded[slots[self._other_places]] = True

    def find(self, wanted: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
        """Look for keys.

        Parameters
        ----------
        wanted : array of int64, shape (n,)
            Any numbers less than `NO_KEY`.

        Returns
        -------
        hits : array of bool, shape (n,)
            Which of them are keys.
        places : array of int32, shape (n,)
            Where each of those stands among the keys; senseless for the others.
        """
        slots = self._slots(wanted)
        places = self._places.take(slots)
        hits = self._keys.take(places) == wanted
        (elsewhere,) = (self._crowded.take(slots) & ~hits).nonzero()
        if len(elsewhere):
            keys = wanted[elsewhere]
            others = self._other_keys.searchsorted(keys)
            found = self._other_keys[others] == keys
            elsewhere = elsewhere[found]
            hits[elsewhere] = True
            places[elsewhere] = self._other_places[others[found]]
        return hits, places

    def _slots(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return ((keys.view(np.uint64) * _MULTIPLIER) >> self._shift).view(np.int64)
