"""The terms of a scorer as a trie of word ids.

Node ``i`` below the number of words is the word ``i``; every longer n-gram is a node whose key is
``(node of all but its last word) << 32 | last word``. The keys stand in one sorted array, so a term
costs 8 bytes of key in a file, and no hash can collide. One n-gram is looked up by a binary search,
many by an index that is made when the vocabulary is.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from sentiment_core.errors import ScorerError
from sentiment_core.key_index import NO_KEY, KeyIndex

NO_WORD: Final = "\n"
"""It is no word of any vocabulary, for no clean word holds a line break."""

END_OF_KEYS: Final = NO_KEY
"""Last key of every array: a search never runs off its end."""

KEY_SHIFT: Final = 32
"""Bits of the last word in a key."""
_LAST_WORD: Final = (1 << KEY_SHIFT) - 1
NO_NODE: Final = -1
"""Of a word that is unknown; any negative number serves."""


class Vocabulary:
    """Finds the terms of a text, and the words of a term. Immutable.

    Parameters
    ----------
    words : sequence of str, length n_words
        Distinct words of all terms.
    keys : array of int64, shape (n_ngrams + 1,)
        Sorted keys of the n-grams of two and more words, closed by the largest int64.

    Raises
    ------
    ScorerError
        If they do not fit together.

    Examples
    --------
    >>> vocabulary, nodes = Vocabulary.from_terms(["good", "not good"])
    >>> vocabulary.words, nodes.tolist(), vocabulary.term(2)
    (('good', 'not'), [0, 2], 'not good')
    >>> vocabulary.count(["not", "good", "film"], max_ngram=2)
    {1: 1, 2: 1, 0: 1}
    """

    __slots__ = ("_index", "_key_view", "_node_of_word", "keys", "words")

    def __init__(self, words: Sequence[str], keys: NDArray[np.int64]) -> None:
        self.words = tuple(words)
        self.keys = keys
        self._node_of_word = dict(zip(words, range(len(words)), strict=True))
        self._key_view = keys.data
        self._check()
        self._index = KeyIndex(keys)

    def _check(self) -> None:
        n_words, n_nodes = len(self.words), len(self)
        prefixes, last_words = self.keys[:-1] >> KEY_SHIFT, self.keys[:-1] & _LAST_WORD
        sound = (
            len(self._node_of_word) == n_words
            and self.keys[-1] == END_OF_KEYS
            and bool(np.all(self.keys[1:] > self.keys[:-1]))
            and bool(np.all((prefixes >= 0) & (prefixes < np.arange(n_words, n_nodes))))
            and bool(np.all(last_words < n_words))
        )
        if not sound:
            raise ScorerError("inconsistent (the words and n-grams do not fit together)")

    def __len__(self) -> int:
        """Count the nodes: words and n-grams, also those that are only the beginning of a term."""
        return len(self.words) + len(self.keys) - 1

    @classmethod
    def from_terms(cls, terms: Sequence[str]) -> tuple[Self, NDArray[np.int64]]:
        """Build the trie of terms.

        Parameters
        ----------
        terms : sequence of str
            At least one; their words are separated by single spaces.

        Returns
        -------
        vocabulary : Vocabulary
            The trie, which holds the terms.
        nodes : array of int64, shape (n_terms,)
            The node of each term.
        """
        split = [term.split(" ") for term in terms]
        words = sorted({word for term in split for word in term})
        id_of = {word: index for index, word in enumerate(words)}
        longest = max(map(len, split))
        ids = np.full((len(split), longest), NO_NODE, dtype=np.int64)
        for row, term in enumerate(split):
            ids[row, : len(term)] = [id_of[word] for word in term]
        nodes, levels, n_nodes = ids[:, 0].copy(), [np.empty(0, dtype=np.int64)], len(words)
        for position in range(1, longest):
            rows = np.flatnonzero(ids[:, position] >= 0)
            level, ranks = np.unique(
                nodes[rows] << KEY_SHIFT | ids[rows, position], return_inverse=True
            )
            nodes[rows] = n_nodes + ranks
            levels.append(level)
            n_nodes += len(level)
        return cls(words, np.concatenate([*levels, [END_OF_KEYS]])), nodes

    def restricted(self, nodes: NDArray[np.int64]) -> tuple[Self, NDArray[np.int64]]:
        """Keep only some terms, and what they begin with and are made of.

        Parameters
        ----------
        nodes : array of int64, shape (n_terms,)
            The terms, at least one.

        Returns
        -------
        vocabulary : Vocabulary
            What `from_terms` makes of these terms, where the words are sorted.
        nodes : array of int64, shape (n_terms,)
            The node of each term there.
        """
        n_words = len(self.words)
        prefixes, last_words = self.keys[:-1] >> KEY_SHIFT, self.keys[:-1] & _LAST_WORD
        is_needed = np.zeros(len(self), dtype=bool)
        is_needed[nodes] = True
        beginnings = prefixes[is_needed[n_words:]]
        while not is_needed[beginnings].all():
            is_needed[beginnings] = True
            beginnings = prefixes[is_needed[n_words:]]
        kept = is_needed[n_words:]
        is_needed[last_words[kept]] = True
        new = np.cumsum(is_needed) - 1
        keys = new[prefixes[kept]] << KEY_SHIFT | new[last_words[kept]]
        words = [word for word, needed in zip(self.words, is_needed, strict=False) if needed]
        return type(self)(words, np.append(keys, END_OF_KEYS)), new[nodes]

    def count(self, words: Sequence[str], max_ngram: int) -> dict[int, int]:
        """Count the known words and n-grams of one text, one after the other.

        Parameters
        ----------
        words : sequence of str
            Words of the text, in order.
        max_ngram : int
            Longest n-gram, in words.

        Returns
        -------
        dict of int to int
            How often each node occurs.
        """
        node_of_word, keys, n_words = self._node_of_word, self._key_view, len(self.words)
        ids = [node_of_word.get(word, NO_NODE) for word in words]
        counts: dict[int, int] = {}
        for start, node in enumerate(ids):
            if node == NO_NODE:
                continue
            counts[node] = counts.get(node, 0) + 1
            for word in ids[start + 1 : start + max_ngram]:
                if word == NO_NODE:
                    break
                key = node << KEY_SHIFT | word
                position = bisect_left(keys, key)
                if keys[position] != key:
                    break
                node = n_words + position
                counts[node] = counts.get(node, 0) + 1
        return counts

    def find(
        self, words: Sequence[str], max_ngram: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Find the known words and n-grams of long texts, all of one length at once.

        Parameters
        ----------
        words : sequence of str
            Words of one text or several. After each text stands `NO_WORD`, so that no n-gram
            crosses into the next.
        max_ngram : int
            Longest n-gram, in words.

        Returns
        -------
        iterator of (array of int64, array of int64)
            For each length of n-gram: where the known ones start, and their nodes.
        """
        ids = np.fromiter(
            map(self._node_of_word.get, words, repeat(NO_NODE)), np.int64, count=len(words)
        )
        return self.find_nodes(ids, max_ngram)

    def find_nodes(
        self, ids: NDArray[np.int64], max_ngram: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Do what `find` does with the nodes of words; a negative one stands for no known word."""
        (starts,) = (ids >= 0).nonzero()
        nodes = ids[starts]
        yield starts, nodes
        for length in range(2, max_ngram + 1):
            # An unknown word makes the key -1, which no n-gram has.
            wanted = nodes << KEY_SHIFT | ids.take(starts + (length - 1), mode="clip")
            hits, places = self._index.find(wanted)
            starts, nodes = starts[hits], places[hits].astype(np.int64) + len(self.words)
            yield starts, nodes

    def term(self, node: int) -> str:
        """Spell a node.

        Parameters
        ----------
        node : int
            The node of a word or an n-gram.

        Returns
        -------
        str
            Its words, separated by spaces.
        """
        words = []
        while node >= len(self.words):
            key = self._key_view[node - len(self.words)]
            words.append(self.words[key & _LAST_WORD])
            node = key >> KEY_SHIFT
        words.append(self.words[node])
        return " ".join(reversed(words))
