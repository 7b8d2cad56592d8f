"""Fits the model of reviews that do not fit into memory, part by part, on a cluster.

The vocabulary is exact: words first, then n-grams of one more word at a time, of which only those
survive whose beginning is frequent enough. The fit minimises the same function as scikit-learn's,
with the same method; each part gives its loss and gradient. What is kept of a part lies on the
workers, and on their disks where memory ends.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sentiment_core.calibration import calibration_line
from sentiment_core.classifier import log_ratio
from sentiment_core.params import Params
from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_train.cluster import Cluster
from sentiment_train.model import partition
from sentiment_train.model.partition import NgramCounts, Reviews, Sum, Terms

if TYPE_CHECKING:
    from distributed import Future

logger = logging.getLogger(__name__)

PART_REVIEWS: Final = 5_000
_PARTS_AHEAD: Final = 4
_SHARDS: Final = 8
"""In which n-grams are counted one after the other: fewer are in memory at once."""
_SUMS_AT_ONCE: Final = 8
_NO_FOLD: Final = -1
_HELD_OUT: Final = 0
# As scikit-learn calls L-BFGS for its logistic regression.
_TOLERANCE: Final = 1e-4
_SMALLEST_GAIN: Final = 64 * np.finfo(float).eps
_LINE_SEARCHES: Final = 50


def fit_out_of_core(parts: Iterable[Reviews], params: Params, cluster: Cluster) -> LinearScorer:
    """Fit the model of reviews that come in parts.

    Parameters
    ----------
    parts : iterable of Reviews
        Each is asked for once.
    params : Params
        Validated parameters. Of ``model.calibration_folds`` one fold is held out: a part of so
        many rows is enough to calibrate on.
    cluster : Cluster
        Where the work is done.

    Returns
    -------
    LinearScorer
        What `sentiment_core.pipeline.fit_pipeline` would give, but for rounding and calibration.

    Raises
    ------
    ValueError
        If no term is frequent enough.
    """
    return _Fit(params, cluster).fit(parts)


class _Fit:
    def __init__(self, params: Params, cluster: Cluster) -> None:
        self._params, self._cluster = params, cluster
        self._n_rows = 0

    def fit(self, parts: Iterable[Reviews]) -> LinearScorer:
        numbered, words, counts = self._number(parts)
        vocabulary, length, counts = self._count_ngrams(numbered, words, counts)
        terms = self._choose(vocabulary, length, counts)
        logger.info("%d reviews have %d terms", self._n_rows, len(terms.idf))
        features = self._weigh(numbered, terms)
        del numbered
        coefficients, intercept = self._regress(features, len(terms.idf))
        return _scorer(self._params, terms, coefficients, intercept)

    def _number(
        self, parts: Iterable[Reviews]
    ) -> "tuple[list[Future[Any]], list[str], NgramCounts]":
        """Part all reviews into words, and number those that are frequent enough."""
        documents: dict[str, int] = {}
        occurrences: dict[str, int] = {}
        parted = []
        for words, (distinct, counts) in self._part(parts):
            parted.append(words)
            for word, n_documents, n_occurrences in zip(
                distinct, counts.documents.tolist(), counts.occurrences.tolist(), strict=True
            ):
                documents[word] = documents.get(word, 0) + n_documents
                occurrences[word] = occurrences.get(word, 0) + n_occurrences
        fewest = self._params.vectorizer.min_df
        known = sorted(word for word, count in documents.items() if count >= fewest)
        sent = self._cluster.send(known, everywhere=True)
        numbered = [self._cluster.submit(partition.number_words, part, sent) for part in parted]
        counts = NgramCounts(
            np.arange(len(known)),
            np.array([documents[word] for word in known], np.int64),
            np.array([occurrences[word] for word in known], np.int64),
        )
        return numbered, known, counts

    def _part(self, parts: Iterable[Reviews]) -> "Iterator[tuple[Future[Any], Any]]":
        waiting: deque[tuple[Future[Any], Future[Any]]] = deque()
        for part in parts:
            self._n_rows += len(part.texts)
            sent = self._cluster.send(part)
            words = self._cluster.submit(partition.part_words, sent)
            waiting.append((words, self._cluster.submit(partition.count_words, words)))
            del sent
            if len(waiting) > _PARTS_AHEAD:
                first, counts = waiting.popleft()
                yield first, self._cluster.result(counts)
        for first, counts in waiting:
            yield first, self._cluster.result(counts)

    def _count_ngrams(
        self, numbered: "list[Future[Any]]", words: list[str], counts: NgramCounts
    ) -> tuple[Vocabulary, NDArray[np.int64], NgramCounts]:
        """Find the n-grams that are frequent enough; also the length of each, in words."""
        levels = [counts]
        vocabulary = partition.trie(words, [])
        for length in range(2, self._params.vectorizer.ngram_range[1] + 1):
            sent = self._cluster.send(vocabulary, everywhere=True)
            found = [
                self._cluster.submit(partition.count_ngrams, part, sent, length)
                for part in numbered
            ]
            shards = [self._merge(shard, found) for shard in range(_SHARDS)]
            level = NgramCounts(*map(np.concatenate, zip(*shards, strict=True)))
            order = np.argsort(level.keys)
            levels.append(NgramCounts(*(values[order] for values in level)))
            vocabulary = partition.trie(words, [level.keys for level in levels[1:]])
        lengths = np.repeat(np.arange(len(levels)) + 1, [len(level.keys) for level in levels])
        return vocabulary, lengths, NgramCounts(*map(np.concatenate, zip(*levels, strict=True)))

    def _merge(self, shard: int, found: "list[Future[Any]]") -> NgramCounts:
        shards = [
            self._cluster.submit(partition.shard_of, counts, shard, _SHARDS) for counts in found
        ]
        merging = self._cluster.submit(
            partition.merge_counts, self._params.vectorizer.min_df, *shards
        )
        merged: NgramCounts = self._cluster.result(merging)
        return merged

    def _choose(
        self, vocabulary: Vocabulary, lengths: NDArray[np.int64], counts: NgramCounts
    ) -> Terms:
        vectorizer = self._params.vectorizer
        is_common = counts.documents > vectorizer.max_df * self._n_rows
        (nodes,) = (~is_common & (lengths >= vectorizer.ngram_range[0])).nonzero()
        if vectorizer.max_features is not None and len(nodes) > vectorizer.max_features:
            rarest_first = np.argsort(counts.occurrences[nodes], kind="stable")
            nodes = np.sort(nodes[rarest_first[-vectorizer.max_features :]])
        if not len(nodes):
            raise ValueError("no term is in enough reviews")
        column = np.full(len(vocabulary), -1, np.int32)
        column[nodes] = np.arange(len(nodes), dtype=np.int32)
        return Terms(
            vocabulary, column, np.log((1 + self._n_rows) / (1 + counts.documents[nodes])) + 1,
            vectorizer.ngram_range[1], vectorizer.sublinear_tf,
        )  # fmt: skip

    def _weigh(self, numbered: "list[Future[Any]]", terms: Terms) -> "list[Future[Any]]":
        sent = self._cluster.send(terms, everywhere=True)
        folds = self._params.model.calibration_folds or 1
        return [
            self._cluster.submit(partition.weigh, part, sent, folds, number)
            for number, part in enumerate(numbered)
        ]

    def _regress(
        self, features: "list[Future[Any]]", n_terms: int
    ) -> tuple[NDArray[np.float64], float]:
        start = np.zeros(n_terms + 1)
        if self._params.model.calibration_folds is None:
            weights, fitted = self._minimise(features, start, _NO_FOLD)
            return weights * fitted[:-1], float(fitted[-1])
        weights, partly = self._minimise(features, start, _HELD_OUT)
        sent = [self._cluster.send(values, everywhere=True) for values in (weights, partly)]
        unseen = list(self._cluster.map(partition.decide, features, *sent, _HELD_OUT))
        slope, shift = calibration_line(
            np.concatenate([decisions for decisions, _ in unseen]),
            np.concatenate([labels for _, labels in unseen]).astype(np.int64),
        )
        weights, fitted = self._minimise(features, partly, _NO_FOLD)
        return slope * weights * fitted[:-1], float(slope * fitted[-1] + shift)

    def _minimise(
        self, features: "list[Future[Any]]", start: NDArray[np.float64], held_out: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fit the rows outside a fold: the naive Bayes weights and the coefficients."""
        n_rows, sums = self._sum(partition.class_sums, features, held_out)
        weights = self._weights(sums)
        sent_weights = self._cluster.send(weights, everywhere=True)
        penalty = 1 / (self._params.model.C * n_rows)
        steps = count(1)

        def objective(coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            sent = self._cluster.send(coefficients, everywhere=True)
            loss, gradient = self._sum(partition.log_loss, features, sent_weights, sent, held_out)
            value = loss / n_rows + penalty / 2 * coefficients[:-1] @ coefficients[:-1]
            gradient /= n_rows
            gradient[:-1] += penalty * coefficients[:-1]
            logger.info("Step %d of the fit: mean loss %.5f", next(steps), value)
            return float(value), gradient

        fitted = minimize(
            objective, start, method="L-BFGS-B", jac=True,
            options={
                "maxiter": self._params.model.max_iter, "maxls": _LINE_SEARCHES,
                "gtol": _TOLERANCE, "ftol": _SMALLEST_GAIN,
            },
        )  # fmt: skip
        return weights, fitted.x

    def _weights(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        smoothing = self._params.model.naive_bayes_smoothing
        if smoothing is None:
            return np.ones(sums.shape[1])
        return log_ratio(sums[1], sums[0], smoothing=smoothing)

    def _sum(
        self, function: Callable[..., Sum], features: "list[Future[Any]]", *shared: object
    ) -> Sum:
        """Add up what a function says of all rows, on the workers as far as that goes."""
        sums = [self._cluster.submit(function, part, *shared) for part in features]
        while len(sums) > 1:
            sums = [
                self._cluster.submit(
                    partition.total, *sums[start : start + _SUMS_AT_ONCE], urgent=True
                )
                for start in range(0, len(sums), _SUMS_AT_ONCE)
            ]
        result: Sum = self._cluster.result(sums[0])
        return result


def _scorer(
    params: Params, terms: Terms, coefficients: NDArray[np.float64], intercept: float
) -> LinearScorer:
    (nodes,) = (terms.column >= 0).nonzero()
    vocabulary = terms.vocabulary
    if len(nodes) < len(vocabulary):  # words and beginnings that are no terms may be no use
        vocabulary, nodes = vocabulary.restricted(nodes)
    idf, by_node = np.zeros((2, len(vocabulary)))
    idf[nodes], by_node[nodes] = terms.idf, coefficients
    labels = params.data.labels
    return LinearScorer(
        vocabulary=vocabulary,
        idf=idf,
        coefficients=by_node,
        intercept=intercept,
        max_ngram=terms.max_ngram,
        sublinear_tf=terms.sublinear_tf,
        labels=labels.names() if labels else None,
    )
