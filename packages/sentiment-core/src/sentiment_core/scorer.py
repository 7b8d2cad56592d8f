"""The portable scorer: a fitted TF-IDF + logistic regression pipeline as plain arrays.

There are two ways to score. A text at a time is counted in plain Python if it is short, and by
numpy if it is long; several texts are scored together in blocks. The second way stays although it
repeats the first's arithmetic: through it, a single text would cost 1.17 times as much.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sentiment_core.atomic_files import ABSENCE
from sentiment_core.cleaning import tokenize
from sentiment_core.errors import ScorerError
from sentiment_core.labels import LabelNames
from sentiment_core.scorer_file import (
    LARGEST_WEIGHT,
    MAX_NGRAM,
    ScorerContent,
    decode_scorer,
    digest_of,
    encode_scorer,
)
from sentiment_core.vocabulary import NO_WORD, Vocabulary

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
    """A prediction taken apart: ``intercept + sum(contributions) == decision``.

    ``known_share`` is what `LinearScorer.score` returns.
    """

    probability: float
    decision: float
    intercept: float
    terms: list[TermContribution]
    known_share: float


class LinearScorer:
    """Scores texts exactly as the pipeline it was made from, without scikit-learn.

    Instances are immutable and safe to share between threads. Build one with
    `sentiment_core.conversion.scorer_from_pipeline` or `load`.

    Parameters
    ----------
    vocabulary : Vocabulary
        Its terms.
    idf, coefficients : array of float64, shape (n_nodes,)
        Weights by node of the vocabulary; a node that is no term has an idf of 0 and so adds
        nothing.
    intercept : float
        Log-odds of an empty text.
    max_ngram : int
        Longest n-gram, in words.
    sublinear_tf : bool
        Whether a count enters as ``1 + ln(count)``.
    labels : mapping of {"negative", "positive"} to str, optional
        What people call the two classes, where it is otherwise.

    Raises
    ------
    ScorerError
        If the arrays do not fit together.

    Examples
    --------
    >>> vocabulary, _ = Vocabulary.from_terms(["bad", "good"])
    >>> scorer = LinearScorer(
    ...     vocabulary=vocabulary, idf=np.ones(2), coefficients=np.array([-4.0, 4.0]),
    ...     intercept=0.0, max_ngram=1, sublinear_tf=True,
    ... )
    >>> round(scorer.predict_positive("Good!"), 3)
    0.982
    """

    __slots__ = (
        "_coefficients",
        "_digest",
        "_idf",
        "_vocabulary",
        "intercept",
        "labels",
        "max_ngram",
        "sublinear_tf",
    )

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        idf: NDArray[np.float64],
        coefficients: NDArray[np.float64],
        intercept: float,
        max_ngram: int,
        sublinear_tf: bool,
        labels: LabelNames | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._idf = idf
        self._coefficients = coefficients
        self.intercept = intercept
        self.max_ngram = max_ngram
        self.sublinear_tf = sublinear_tf
        self.labels = labels
        self._digest: str | None = None
        self._check()

    def _check(self) -> None:
        sound = (
            len(self._idf) == len(self._coefficients) == len(self._vocabulary)
            and all(_is_bounded(weights) for weights in (self._idf, self._coefficients))
            and abs(self.intercept) <= LARGEST_WEIGHT
            and 1 <= self.max_ngram <= MAX_NGRAM
        )
        if not sound:
            raise ScorerError("inconsistent (its vocabulary and weights do not fit together)")

    @property
    def n_terms(self) -> int:
        """Number of terms in the vocabulary."""
        return int(np.count_nonzero(self._idf))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the scorer's content: equal digests answer equally."""
        if self._digest is None:
            self._digest = digest_of(self.to_bytes())
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

    def score(self, text: str) -> tuple[float, float]:
        """Compute the probability that one text is positive, and how much of it is known.

        Parameters
        ----------
        text : str
            Raw text.

        Returns
        -------
        probability : float in [0, 1]
            The same as `predict_positive` computes.
        known_share : float in [0, 1]
            Share of its words that the vocabulary has; 0 where only the intercept speaks.
        """
        words = tokenize(text)
        if len(words) > SCALAR_PATH_MAX_WORDS:
            evidence, n_known = self._evidence_of_words(words)
        else:
            counts = self._vocabulary.count(words, self.max_ngram)
            evidence, n_known = self._evidence_of_counts(counts), self._known_words(counts)
        if evidence is None:
            return _sigmoid(self.intercept), 0.0
        return _sigmoid(self.intercept + evidence), n_known / len(words)

    def score_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Do for several texts what `score` does for one.

        Parameters
        ----------
        texts : sequence of str, length n_samples
            Raw texts.

        Returns
        -------
        probabilities : array of float in [0, 1], shape (n_samples,)
            Probability that each text is positive.
        known_shares : array of float in [0, 1], shape (n_samples,)
            Share of the words of each text that the vocabulary has.
        """
        blocks = [
            self._score_block([tokenize(text) for text in texts[start : start + BLOCK_SIZE]])
            for start in range(0, len(texts), BLOCK_SIZE)
        ]
        return (
            np.concatenate([np.empty(0), *(probabilities for probabilities, _ in blocks)]),
            np.concatenate([np.empty(0), *(shares for _, shares in blocks)]),
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
        words = tokenize(text)
        counts = self._vocabulary.count(words, self.max_ngram)
        weights = {node: self._term_weight(node, count) for node, count in counts.items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        terms = [
            TermContribution(
                self._vocabulary.term(node),
                counts[node],
                weight / norm * float(self._coefficients[node]),
            )
            for node, weight in weights.items()
            if weight
        ]
        terms.sort(key=lambda term: (-abs(term.contribution), term.term))
        decision = self.intercept + (self._evidence_of_counts(counts) or 0.0)
        known_share = self._known_words(counts) / len(words) if terms else 0.0
        return Explanation(_sigmoid(decision), decision, self.intercept, terms, known_share)

    def top_terms(self, count: int) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """Return the terms with the lowest and the highest coefficients.

        Parameters
        ----------
        count : int
            How many of the lowest, and of the highest.

        Returns
        -------
        negative, positive : list of (str, float)
            Terms and coefficients, the strongest first.
        """
        nodes = np.flatnonzero(self._idf)
        order = nodes[np.argsort(self._coefficients[nodes], kind="stable")]

        def named(nodes: NDArray[np.int64]) -> list[tuple[str, float]]:
            return [
                (self._vocabulary.term(int(node)), float(self._coefficients[node]))
                for node in nodes
            ]

        return named(order[:count]), named(order[::-1][:count])

    def terms(self) -> list[tuple[str, float, float]]:
        """List the whole vocabulary.

        Returns
        -------
        list of (str, float, float)
            Term, idf and coefficient of every term, in node order.
        """
        return [
            (
                self._vocabulary.term(int(node)),
                float(self._idf[node]),
                float(self._coefficients[node]),
            )
            for node in np.flatnonzero(self._idf)
        ]

    def to_bytes(self) -> bytes:
        """Serialise the scorer; equal scorers give equal bytes.

        Returns
        -------
        bytes
            Content of a scorer file.
        """
        return encode_scorer(
            ScorerContent(
                self._vocabulary,
                self._idf,
                self._coefficients,
                self.intercept,
                self.max_ngram,
                self.sublinear_tf,
                self.labels,
            )
        )

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
        decoded, digest = decode_scorer(content)
        scorer = cls(**decoded._asdict())
        scorer._digest = digest
        return scorer

    def save(self, path: Path) -> None:
        """Write the scorer to a file.

        Parameters
        ----------
        path : Path
            The file, which is overwritten.
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
        OSError
            If it cannot be read now, which says nothing of the scorer.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except ABSENCE as error:
            raise ScorerError(f"Cannot read the scorer file {path}: {error.strerror}.") from error
        except ScorerError as error:
            raise ScorerError(f"The scorer file {path} is {error}.") from error

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

    def _known_words(self, counts: dict[int, int]) -> int:
        n_words = len(self._vocabulary.words)
        return sum(count for node, count in counts.items() if node < n_words)

    def _evidence_of_words(self, words: list[str]) -> tuple[float | None, int]:
        """Do what `_evidence_of_counts` and `_known_words` do, faster for many words."""
        found = list(self._vocabulary.find((*words, NO_WORD), self.max_ngram))
        nodes = np.concatenate([nodes for _, nodes in found])
        if not len(nodes):
            return None, 0
        # What numpy has for this (unique, diff, append) costs a fifth of the whole.
        nodes.sort()
        is_last = np.empty(len(nodes), dtype=np.bool_)
        np.not_equal(nodes[1:], nodes[:-1], out=is_last[:-1])
        is_last[-1] = True
        (last,) = is_last.nonzero()
        distinct, counts = nodes[last], last.copy()
        counts[1:] -= last[:-1]
        counts[0] += 1
        frequency = 1.0 + np.log(counts) if self.sublinear_tf else counts
        weight = frequency * self._idf[distinct]
        squares = float(weight @ weight)
        total = float(weight @ self._coefficients[distinct])
        return total / math.sqrt(squares) if squares else None, len(found[0][0])

    def _score_block(
        self, documents: list[list[str]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        words = [word for document in documents for word in (*document, NO_WORD)]
        lengths = np.array([len(document) for document in documents])
        document_of = np.repeat(np.arange(len(documents)), lengths + 1)
        found = list(self._vocabulary.find(words, self.max_ngram))
        pairs, counts = np.unique(
            np.concatenate(
                [document_of[starts] * len(self._idf) + nodes for starts, nodes in found]
            ),
            return_counts=True,
        )
        n_known = np.bincount(document_of[found[0][0]], minlength=len(documents))
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
        shares = np.where(known, n_known / np.maximum(lengths, 1), 0.0)
        return np.where(decision >= 0.0, 1.0, small) / (1.0 + small), shares


def _is_bounded(weights: NDArray[np.float64]) -> bool:
    # NaN passes no comparison.
    return bool(np.all(np.abs(weights) <= LARGEST_WEIGHT))


def _sigmoid(decision: float) -> float:
    small = math.exp(-abs(decision))
    return (1.0 if decision >= 0.0 else small) / (1.0 + small)
