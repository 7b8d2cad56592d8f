"""The portable scorer: a fitted TF-IDF + logistic regression pipeline as plain arrays.

The vocabulary is a trie of word ids. Node ``i`` below the number of words is the word ``i``; every
longer n-gram is a node whose key is ``(node of all but its last word) << 32 | last word``. The
keys stand in one sorted array, so a term costs 8 bytes of key and 16 of weights, a look-up is a
binary search, and no hash can collide.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sentiment_core.cleaning import CLEANING_VERSION, tokenize
from sentiment_core.errors import ScorerError
from sentiment_core.scorer_file import pack, unpack

KEY_SHIFT: Final = 32
_NO_NODE: Final = -1
_WORD_SEPARATOR: Final = "\n"
END_OF_KEYS: Final = np.iinfo(np.int64).max
"""Last key of every array: a search never runs off its end."""

SCALAR_PATH_MAX_WORDS: Final = 24
"""Longest text scored word by word; above it numpy's fixed cost is the smaller one."""

BLOCK_SIZE: Final = 32
"""Texts scored together: enough to hide numpy's fixed cost, few enough to stay in the cache."""


class TermContribution(NamedTuple):
    """What one term adds to the log-odds of the positive class."""

    term: str
    occurrences: int
    contribution: float


class Explanation(NamedTuple):
    """A prediction taken apart: ``intercept + sum(contributions) == decision``."""

    probability: float
    decision: float
    intercept: float
    terms: list[TermContribution]


class LinearScorer:
    """Scores texts exactly as the pipeline it was made from, without scikit-learn.

    Instances are immutable and safe to share between threads. Build one with
    `sentiment_core.conversion.scorer_from_pipeline` or `load`.

    Parameters
    ----------
    words : sequence of str, length n_words
        Distinct words of all terms.
    keys : array of int64, shape (n_ngrams + 1,)
        Sorted keys of the n-grams of two and more words, closed by the largest int64.
    idf, coefficients : array of float64, shape (n_words + n_ngrams,)
        Weights by node; a node that is no term has an idf of 0 and so adds nothing.
    intercept : float
        Log-odds of an empty text.
    max_ngram : int
        Longest n-gram, in words.
    sublinear_tf : bool
        Whether a count enters as ``1 + ln(count)``.

    Raises
    ------
    ScorerError
        If the arrays do not fit together.
    """

    __slots__ = (
        "_coefficients",
        "_digest",
        "_idf",
        "_key_view",
        "_keys",
        "_node_of_word",
        "_words",
        "intercept",
        "max_ngram",
        "sublinear_tf",
    )

    def __init__(
        self,
        *,
        words: Sequence[str],
        keys: NDArray[np.int64],
        idf: NDArray[np.float64],
        coefficients: NDArray[np.float64],
        intercept: float,
        max_ngram: int,
        sublinear_tf: bool,
    ) -> None:
        self._words = tuple(words)
        self._node_of_word = dict(zip(words, range(len(words)), strict=True))
        self._keys = keys
        self._key_view = keys.data
        self._idf = idf
        self._coefficients = coefficients
        self.intercept = intercept
        self.max_ngram = max_ngram
        self.sublinear_tf = sublinear_tf
        self._digest: str | None = None
        self._check()

    def _check(self) -> None:
        n_words, n_nodes = len(self._words), len(self._words) + len(self._keys) - 1
        prefixes, last_words = (
            self._keys[:-1] >> KEY_SHIFT,
            self._keys[:-1] & ((1 << KEY_SHIFT) - 1),
        )
        sound = (
            len(self._node_of_word) == n_words
            and len(self._idf) == len(self._coefficients) == n_nodes
            and self._keys[-1] == END_OF_KEYS
            and bool(np.all(self._keys[1:] > self._keys[:-1]))
            and bool(np.all((prefixes >= 0) & (prefixes < np.arange(n_words, n_nodes))))
            and bool(np.all(last_words < n_words))
            and bool(np.isfinite(self._idf).all() and np.isfinite(self._coefficients).all())
            and math.isfinite(self.intercept)
            and self.max_ngram >= 1
        )
        if not sound:
            raise ScorerError("inconsistent (its vocabulary and weights do not fit together)")

    @property
    def n_terms(self) -> int:
        """Number of terms in the vocabulary."""
        return int(np.count_nonzero(self._idf))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the scorer's content: equal digests score equally."""
        if self._digest is None:
            self._digest = unpack(self.to_bytes()).digest
        return self._digest

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute class probabilities, like scikit-learn's method of that name.

        Parameters
        ----------
        texts : sequence of str, length n_samples
            Raw texts.

        Returns
        -------
        array of float in [0, 1], shape (n_samples, 2)
            Columns: negative, positive.
        """
        positive, _ = self.score_batch(texts)
        return np.column_stack((1.0 - positive, positive))

    def predict_positive(self, text: str) -> float:
        """Compute the probability that one text is positive, the fast way.

        Parameters
        ----------
        text : str
            Raw text.

        Returns
        -------
        float in [0, 1]
            The same as ``predict_proba([text])[0, 1]``.
        """
        return self.score(text)[0]

    def score(self, text: str) -> tuple[float, bool]:
        """Compute the probability that one text is positive, and whether anything in it is known.

        Parameters
        ----------
        text : str
            Raw text.

        Returns
        -------
        probability : float in [0, 1]
            The same as `predict_positive` computes.
        known : bool
            Whether the text holds a term of the vocabulary; without one only the intercept speaks.
        """
        words = tokenize(text)
        if len(words) > SCALAR_PATH_MAX_WORDS:
            evidence = self._evidence_of_words(words)
        else:
            evidence = self._evidence_of_counts(self._count_nodes(words))
        if evidence is None:
            return _sigmoid(self.intercept), False
        return _sigmoid(self.intercept + evidence), True

    def score_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Do for several texts what `score` does for one.

        Parameters
        ----------
        texts : sequence of str, length n_samples
            Raw texts.

        Returns
        -------
        probabilities : array of float in [0, 1], shape (n_samples,)
            That each text is positive.
        known : array of bool, shape (n_samples,)
            Whether each text holds a term of the vocabulary.
        """
        blocks = [
            self._score_block([tokenize(text) for text in texts[start : start + BLOCK_SIZE]])
            for start in range(0, len(texts), BLOCK_SIZE)
        ]
        return (
            np.concatenate([np.empty(0), *(probabilities for probabilities, _ in blocks)]),
            np.concatenate([np.empty(0, dtype=np.bool_), *(known for _, known in blocks)]),
        )

    def explain(self, text: str) -> Explanation:
        """Take a prediction apart into the contribution of each term.

        Parameters
        ----------
        text : str
            Raw text.

        Returns
        -------
        Explanation
            Terms in order of falling absolute contribution, then alphabetically.
        """
        counts = self._count_nodes(tokenize(text))
        weights = {node: self._term_weight(node, count) for node, count in counts.items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        terms = [
            TermContribution(
                self._term(node), counts[node], weight / norm * float(self._coefficients[node])
            )
            for node, weight in weights.items()
            if weight
        ]
        terms.sort(key=lambda term: (-abs(term.contribution), term.term))
        decision = self.intercept + (self._evidence_of_counts(counts) or 0.0)
        return Explanation(_sigmoid(decision), decision, self.intercept, terms)

    def top_terms(self, count: int) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """Return the terms with the lowest and the highest coefficients.

        Parameters
        ----------
        count : int
            How many of each.

        Returns
        -------
        negative, positive : list of (str, float)
            Terms and coefficients, the strongest first.
        """
        nodes = np.flatnonzero(self._idf)
        order = nodes[np.argsort(self._coefficients[nodes], kind="stable")]

        def named(nodes: NDArray[np.int64]) -> list[tuple[str, float]]:
            return [(self._term(int(node)), float(self._coefficients[node])) for node in nodes]

        return named(order[:count]), named(order[::-1][:count])

    def terms(self) -> list[tuple[str, float, float]]:
        """List the whole vocabulary.

        Returns
        -------
        list of (str, float, float)
            Term, idf and coefficient of every term, in node order.
        """
        return [
            (self._term(int(node)), float(self._idf[node]), float(self._coefficients[node]))
            for node in np.flatnonzero(self._idf)
        ]

    def to_bytes(self) -> bytes:
        """Serialise the scorer; equal scorers give equal bytes.

        Returns
        -------
        bytes
            Content of a scorer file.
        """
        header = {
            "cleaning_version": CLEANING_VERSION,
            "intercept": self.intercept,
            "max_ngram": self.max_ngram,
            "sublinear_tf": self.sublinear_tf,
        }
        words = _WORD_SEPARATOR.join(self._words).encode("utf-8")
        arrays: dict[str, NDArray[Any]] = {
            "words": np.frombuffer(words, dtype=np.uint8),
            "keys": self._keys,
            "idf": self._idf,
            "coefficients": self._coefficients,
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a scorer from the content of a scorer file.

        Parameters
        ----------
        content : bytes
            As returned by `to_bytes`.

        Returns
        -------
        LinearScorer
            Equal to the one that was serialised.

        Raises
        ------
        ScorerError
            If the content is damaged, foreign or made for another version of the cleaning.
        """
        header, arrays, digest = unpack(content)
        try:
            if header["cleaning_version"] != CLEANING_VERSION:
                raise ScorerError(
                    f"made for text cleaning version {header['cleaning_version']}, but this "
                    f"sentiment-core has version {CLEANING_VERSION}: train again or install the "
                    "release that wrote it"
                )
            joined = arrays["words"].tobytes().decode("utf-8")
            scorer = cls(
                words=joined.split(_WORD_SEPARATOR) if joined else [],
                keys=arrays["keys"],
                idf=arrays["idf"],
                coefficients=arrays["coefficients"],
                intercept=float(header["intercept"]),
                max_ngram=int(header["max_ngram"]),
                sublinear_tf=bool(header["sublinear_tf"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ScorerError(f"malformed ({error})") from error
        scorer._digest = digest
        return scorer

    def save(self, path: Path) -> None:
        """Write the scorer to a file.

        Parameters
        ----------
        path : Path
            Is overwritten.
        """
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a scorer from a file.

        Parameters
        ----------
        path : Path
            As written by `save`.

        Returns
        -------
        LinearScorer
            Equal to the one that was saved.

        Raises
        ------
        ScorerError
            If the file is missing, damaged, foreign or of another version.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as error:
            raise ScorerError(f"Cannot read the scorer file {path}: {error.strerror}.") from error
        except ScorerError as error:
            raise ScorerError(f"The scorer file {path} is {error}.") from error

    def _count_nodes(self, words: list[str]) -> dict[int, int]:
        ids = [self._node_of_word.get(word, _NO_NODE) for word in words]
        counts: dict[int, int] = {}
        for start, node in enumerate(ids):
            if node == _NO_NODE:
                continue
            counts[node] = counts.get(node, 0) + 1
            for word in ids[start + 1 : start + self.max_ngram]:
                node = self._child(node, word)
                if node == _NO_NODE:
                    break
                counts[node] = counts.get(node, 0) + 1
        return counts

    def _child(self, node: int, word: int) -> int:
        if word == _NO_NODE:
            return _NO_NODE
        key = node << KEY_SHIFT | word
        position = bisect_left(self._key_view, key)
        return len(self._words) + position if self._key_view[position] == key else _NO_NODE

    def _term_weight(self, node: int, count: int) -> float:
        frequency = 1.0 + math.log(count) if self.sublinear_tf else float(count)
        return frequency * float(self._idf[node])

    def _evidence_of_counts(self, counts: dict[int, int]) -> float | None:
        """Sum what the terms add to the log-odds of the positive class; None if none is known."""
        total = squares = 0.0
        for node, count in counts.items():
            weight = self._term_weight(node, count)
            squares += weight * weight
            total += weight * float(self._coefficients[node])
        return total / math.sqrt(squares) if squares else None

    def _evidence_of_words(self, words: list[str]) -> float | None:
        nodes = np.concatenate([nodes for _, nodes in self._find_nodes((*words, _WORD_SEPARATOR))])
        nodes.sort()
        last = np.flatnonzero(np.append(nodes[1:] != nodes[:-1], len(nodes) > 0))
        distinct, counts = nodes[last], np.diff(last, prepend=-1)
        frequency = 1.0 + np.log(counts) if self.sublinear_tf else counts
        weight = frequency * self._idf[distinct]
        squares = float(weight @ weight)
        total = float(weight @ self._coefficients[distinct])
        return total / math.sqrt(squares) if squares else None

    def _score_block(
        self, documents: list[list[str]]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        # An unknown word after each document keeps n-grams from crossing into the next.
        words = [word for document in documents for word in (*document, _WORD_SEPARATOR)]
        document_of = np.repeat(
            np.arange(len(documents)), [len(document) + 1 for document in documents]
        )
        found = [document_of[starts] * len(self._idf) + n for starts, n in self._find_nodes(words)]
        pairs, counts = np.unique(np.concatenate(found), return_counts=True)
        document, node = np.divmod(pairs, max(len(self._idf), 1))
        frequency = 1.0 + np.log(counts) if self.sublinear_tf else counts
        weight = frequency * self._idf[node]
        squares = np.bincount(document, weight * weight, minlength=len(documents))
        totals = np.bincount(document, weight * self._coefficients[node], minlength=len(documents))
        known = squares > 0.0
        norms = np.sqrt(np.where(known, squares, 1.0))
        decision = self.intercept + totals / norms
        # exp of the negative magnitude cannot overflow
        small = np.exp(-np.abs(decision))
        return np.where(decision >= 0.0, 1.0, small) / (1.0 + small), known

    def _find_nodes(
        self, words: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield for each length of n-gram where the known ones start, and their nodes.

        The last word must be unknown.
        """
        ids = np.fromiter(
            map(self._node_of_word.get, words, repeat(_NO_NODE)), np.int64, count=len(words)
        )
        starts = np.flatnonzero(ids >= 0)
        nodes = ids[starts]
        yield starts, nodes
        for length in range(2, self.max_ngram + 1):
            # An unknown word makes the key -1, which no n-gram has.
            wanted = nodes << KEY_SHIFT | ids.take(starts + (length - 1), mode="clip")
            positions = self._keys.searchsorted(wanted)
            hits = self._keys[positions] == wanted
            starts, nodes = starts[hits], positions[hits] + len(self._words)
            yield starts, nodes

    def _term(self, node: int) -> str:
        words = []
        while node >= len(self._words):
            key = self._key_view[node - len(self._words)]
            words.append(self._words[key & ((1 << KEY_SHIFT) - 1)])
            node = key >> KEY_SHIFT
        words.append(self._words[node])
        return " ".join(reversed(words))


def _sigmoid(decision: float) -> float:
    small = math.exp(-abs(decision))
    return (1.0 if decision >= 0.0 else small) / (1.0 + small)
