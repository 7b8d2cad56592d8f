"""Reviews in parts: what one part has to tell, so that all of them need not be in memory at once.

Every function takes a part and says little about it; `sentiment_train.model.out_of_core` puts
the words of all parts together. Counts are exact, as those of scikit-learn's vectorizer: no hash
stands for an n-gram.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from sentiment_core.cleaning import tokenize
from sentiment_core.vocabulary import END_OF_KEYS, KEY_SHIFT, NO_NODE, Vocabulary

_END: Final = -2
"""Stands after each review: neither a word, nor an unknown one."""


class Reviews(NamedTuple):
    """Some labelled reviews."""

    texts: Sequence[str]
    labels: Sequence[int]
    """0 or 1."""


class Words(NamedTuple):
    """The words of some reviews, one after the other."""

    distinct: list[str]
    ids: NDArray[np.int32]
    """Of each word of each review: its place in `distinct`, or its node. An end follows each."""
    labels: NDArray[np.int8]


class NgramCounts(NamedTuple):
    """N-grams, sorted by key, and how often they occur."""

    keys: NDArray[np.int64]
    documents: NDArray[np.int64]
    """How many reviews hold each."""
    occurrences: NDArray[np.int64]


class Terms(NamedTuple):
    """What becomes a column, and its weight."""

    vocabulary: Vocabulary
    column: NDArray[np.int32]
    """Of each node; -1 for one that is no term."""
    idf: NDArray[np.float64]
    max_ngram: int
    sublinear_tf: bool


class Features(NamedTuple):
    """The TF-IDF rows of some reviews: arrays, whose size Dask can tell when memory gets short."""

    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int32]
    n_terms: int
    labels: NDArray[np.int8]
    folds: NDArray[np.int8]
    """The fold of each row."""

    @property
    def rows(self) -> csr_array:
        """The rows as a matrix, shape (n_reviews, n_terms)."""
        parts = (self.data, self.indices, self.indptr)
        return csr_array(parts, shape=(len(self.labels), self.n_terms))


class Sum(NamedTuple):
    """A sum over rows, and one for each term."""

    value: float
    vector: NDArray[np.float64]


def part_words(reviews: Reviews) -> Words:
    """Part reviews into words."""
    numbers: dict[str, int] = {}
    ids: list[int] = []
    for text in reviews.texts:
        ids.extend([numbers.setdefault(word, len(numbers)) for word in tokenize(text)])
        ids.append(_END)
    return Words(list(numbers), np.array(ids, np.int32), np.asarray(reviews.labels, np.int8))


def count_words(words: Words) -> tuple[list[str], NgramCounts]:
    """Count in how many reviews each word occurs, and how often; the keys are places of words."""
    known = words.ids >= 0
    return words.distinct, _count(words.ids[known].astype(np.int64), _reviews(words.ids)[known])


def number_words(words: Words, known: Sequence[str]) -> Words:
    """Replace places by nodes: those of the known words, which are the same for all parts."""
    nodes = {word: node for node, word in enumerate(known)}
    places = [nodes.get(word, NO_NODE) for word in words.distinct]
    # An end is read from the end.
    numbered = np.array([*places, _END, NO_NODE], np.int32)[words.ids]
    return Words([], numbered, words.labels)


def count_ngrams(words: Words, vocabulary: Vocabulary, length: int) -> NgramCounts:
    """Count the n-grams of one length whose beginning and last word are known.

    Parameters
    ----------
    words : Words
        Of `number_words`.
    vocabulary : Vocabulary
        With all shorter n-grams that are frequent enough.
    length : int
        Words of each n-gram, at least 2.
    """
    ids = words.ids.astype(np.int64)
    *_, (starts, nodes) = vocabulary.find_nodes(ids, length - 1)
    last = ids.take(starts + length - 1, mode="clip")
    known = last >= 0
    return _count(nodes[known] << KEY_SHIFT | last[known], _reviews(words.ids)[starts[known]])


def shard_of(counts: NgramCounts, shard: int, n_shards: int) -> NgramCounts:
    """Pick the n-grams whose key has the remainder `shard`: the same ones in every part."""
    mine = counts.keys % n_shards == shard
    return NgramCounts(*(values[mine] for values in counts))


def merge_counts(min_df: int, *counts: NgramCounts) -> NgramCounts:
    """Sum the counts of several parts, and leave out what fewer than `min_df` reviews hold."""
    keys = np.concatenate([count.keys for count in counts])
    unique, place = np.unique(keys, return_inverse=True)
    sums = [
        np.bincount(
            place,
            np.concatenate(columns),
            minlength=len(unique),
        ).astype(np.int64)
        for columns in ([count.documents for count in counts],
                        [count.occurrences for count in counts])
    ]  # fmt: skip
    kept = sums[0] >= min_df
    return NgramCounts(unique[kept], sums[0][kept], sums[1][kept])


def weigh(words: Words, terms: Terms, n_folds: int, seed: int) -> Features:
    """Compute TF-IDF rows of unit length, as scikit-learn's vectorizer does.

    Parameters
    ----------
    words : Words
        Of `number_words`.
    terms : Terms
        Columns and weights.
    n_folds : int
        Into which the reviews are drawn.
    seed : int
        Of the draw.
    """
    # Numbers of half the size: this is where most memory is needed.
    reviews = _reviews(words.ids).astype(np.int32)
    rows, columns = [], []
    for starts, nodes in terms.vocabulary.find_nodes(words.ids.astype(np.int64), terms.max_ngram):
        column = terms.column[nodes]
        rows.append(reviews[starts[column >= 0]])
        columns.append(column[column >= 0])
    row, column = np.concatenate(rows), np.concatenate(columns)
    shape = (len(words.labels), len(terms.idf))
    counts = csr_array((np.ones(len(row), np.float32), (row, column)), shape=shape)
    counts.sum_duplicates()
    weights = counts.data.astype(np.float64)
    if terms.sublinear_tf:
        weights = 1 + np.log(weights)
    weights *= terms.idf[counts.indices]
    row = np.repeat(np.arange(shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(row, weights**2, minlength=shape[0]))
    weights /= np.where(norms > 0, norms, 1)[row]
    folds = np.random.default_rng(seed).integers(n_folds, size=shape[0], dtype=np.int8)
    return Features(
        weights.astype(np.float32), counts.indices.astype(np.int32),
        counts.indptr.astype(np.int32), shape[1], words.labels, folds,
    )  # fmt: skip


def class_sums(features: Features, held_out: int) -> Sum:
    """Sum each term's weights in each class (negative, positive), and count the rows.

    Rows of the fold `held_out` are left out; -1 is none.
    """
    seen = features.folds != held_out
    rows = features.rows
    sums = [rows.T @ (seen & (features.labels == label)).astype(np.float64) for label in (0, 1)]
    return Sum(float(seen.sum()), np.stack(sums))


def log_loss(
    features: Features, weights: NDArray[np.float64], coefficients: NDArray[np.float64],
    held_out: int,
) -> Sum:  # fmt: skip
    """Compute the log loss of the rows outside a fold, in nats, and its derivatives.

    Parameters
    ----------
    features : Features
        The rows.
    weights : array of float, shape (n_terms,)
        Each term's factor: its naive Bayes log-count ratio.
    coefficients : array of float, shape (n_terms + 1,)
        Of the weighted terms; the last is the intercept.
    held_out : int
        The fold that is left out; -1 is none.
    """
    rows = features.rows
    decisions = rows @ (weights * coefficients[:-1]) + coefficients[-1]
    seen = features.folds != held_out
    signs = np.where(features.labels == 1, 1.0, -1.0)
    value = np.logaddexp(0, -signs * decisions)[seen].sum()
    residuals = np.where(seen, expit(decisions) - features.labels, 0.0)
    gradient = weights * (rows.T @ residuals)
    return Sum(float(value), np.append(gradient, residuals.sum()))


def total(*sums: Sum) -> Sum:
    """Add up what several parts say."""
    vector = sums[0].vector.copy()
    for other in sums[1:]:
        vector += other.vector
    return Sum(sum(one.value for one in sums), vector)


def decide(
    features: Features, weights: NDArray[np.float64], coefficients: NDArray[np.float64],
    held_out: int,
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:  # fmt: skip
    """Return decisions (log-odds) and labels of the rows of a fold."""
    mine = features.folds == held_out
    decisions = features.rows[mine] @ (weights * coefficients[:-1]) + coefficients[-1]
    return decisions, features.labels[mine]


def trie(words: Sequence[str], levels: Sequence[NDArray[np.int64]]) -> Vocabulary:
    """Make a vocabulary of words and of the sorted keys of each length of n-grams."""
    end = np.array([END_OF_KEYS], np.int64)
    return Vocabulary(words, np.concatenate([*levels, end]))


def _reviews(ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """Say of each place which review it is in."""
    numbers = np.zeros(len(ids), np.int64)
    np.cumsum(ids[:-1] == _END, out=numbers[1:])
    return numbers


def _count(keys: NDArray[np.int64], reviews: NDArray[np.int64]) -> NgramCounts:
    order = np.argsort(keys, kind="stable")  # so the reviews of a key stay in their order
    keys, reviews = keys[order], reviews[order]
    is_first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    is_new = is_first.copy()
    is_new[1:] |= reviews[1:] != reviews[:-1]
    (starts,) = is_first.nonzero()
    documents = np.add.reduceat(is_new, starts, dtype=np.int64) if len(starts) else starts
    return NgramCounts(keys[starts], documents, np.diff(starts, append=len(keys)))
