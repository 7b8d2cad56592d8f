"""What parameters are worth, by cross-validation."""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sentiment_core.calibration import calibrated_log_loss, stratified_folds
from sentiment_core.classifier import build_classifier, fit_classifier
from sentiment_core.params import Params, VectorizerParams
from sentiment_core.pipeline import build_vectorizer

_CACHED_REVIEWS: Final = 50_000
"""Terms of so many reviews are kept at once: counting them takes longer than the fit."""


class LabelledTexts(NamedTuple):
    """Reviews to judge parameters on."""

    texts: list[str]
    labels: NDArray[np.int_]


class CrossValidation:
    """Judges parameters on the same folds.

    Parameters
    ----------
    texts : sequence of str, length n_reviews
        Raw reviews.
    labels : array of int, shape (n_reviews,)
        0 or 1.
    n_folds : int
        Fewer are made where a class has fewer reviews.
    """

    def __init__(self, texts: Sequence[str], labels: NDArray[np.int_], n_folds: int) -> None:
        self._texts = np.array(texts, dtype=object)
        self._labels = labels
        self.folds = stratified_folds(labels, n_folds)
        self._cached: dict[tuple[str, int], tuple[csr_array, csr_array]] = {}

    def losses(self, params: Params) -> Iterator[float]:
        """Compute the log loss on each fold of a calibrated model of the others.

        Yields
        ------
        float
            In nats.

        Raises
        ------
        ValueError
            If no term is frequent enough for the vocabulary.
        """
        for number in range(len(self.folds)):
            yield self.loss(params, number)

    def loss(self, params: Params, number: int) -> float:
        """Compute the log loss on one of the `folds`, as `losses` does."""
        seen, unseen = self.folds[number]
        features, features_of_unseen = self._features(params.vectorizer, number)
        classifier = build_classifier(params.model)
        fit_classifier(classifier, features, self._labels[seen], params.model)
        decisions = classifier.decision_function(features_of_unseen)
        return calibrated_log_loss(decisions, self._labels[unseen])

    def _features(self, params: VectorizerParams, number: int) -> tuple[csr_array, csr_array]:
        key = json.dumps(params.model_dump(mode="json")), number
        if key not in self._cached:
            while len(self._cached) * len(self._texts) > _CACHED_REVIEWS:
                self._cached.pop(next(iter(self._cached)))
            seen, unseen = self.folds[number]
            vectorizer = build_vectorizer(params)
            features = csr_array(vectorizer.fit_transform(self._texts[seen]))
            self._cached[key] = features, csr_array(vectorizer.transform(self._texts[unseen]))
        return self._cached[key]
