"""The same linear estimator, fitted on labelled and unlabelled reviews.

A teacher labels the unlabelled reviews, and a student learns from the surest of these labels beside
the true ones. The teacher adds up two linear decisions: that of the terms, and that of the latent
dimensions in which the unlabelled reviews show which terms go together. As all of it is linear in
the terms, their sum is folded into one coefficient for each term.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, vstack
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.extmath import randomized_svd

from sentiment_core.calibration import calibrate, calibrated_log_loss, stratified_folds
from sentiment_core.classifier import fit_classifier
from sentiment_core.params import Params
from sentiment_core.pipeline import build_pipeline

logger = logging.getLogger(__name__)

_LATENT_WEIGHTS: Final = (1.0, 0.5, 0.25, 0.0)
"""How much the latent dimensions may say in the teacher; cross-validation chooses."""

_POWER_ITERATIONS: Final = 4
_LEAST_LABELLED: Final = 2
"""Terms of fewer labelled reviews tell the teacher nothing: the latent dimensions know them."""

_Item = TypeVar("_Item")
_Shared = TypeVar("_Shared")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Decision:
    """A linear decision, in units of its own spread on the unlabelled reviews.

    `values` are those of all reviews, the labelled ones first.
    """

    coefficients: NDArray[np.float64]
    intercept: float
    values: NDArray[np.float64]

    def __add__(self, other: "_Decision") -> "_Decision":
        return _Decision(
            self.coefficients + other.coefficients,
            self.intercept + other.intercept,
            self.values + other.values,
        )

    def times(self, factor: float) -> "_Decision":
        return _Decision(factor * self.coefficients, factor * self.intercept, factor * self.values)


class Rounds(Protocol):
    """Who does the rounds of the training, one after the other or at once."""

    def __call__(
        self,
        function: Callable[[_Item, _Shared], _Result],
        items: Sequence[_Item],
        shared: _Shared,
    ) -> Iterable[_Result]:
        """Call a function for each item, with what all calls share; the results are in order."""


def in_turn(
    function: Callable[[_Item, _Shared], _Result], items: Sequence[_Item], shared: _Shared
) -> Iterator[_Result]:
    """Do one round after the other, here."""
    return (function(item, shared) for item in items)


def fit_semi_supervised(
    params: Params,
    texts: Sequence[str],
    labels: Sequence[int],
    unlabelled: Sequence[str],
    rounds: Rounds = in_turn,
) -> Pipeline:
    """Fit the estimator on labelled and unlabelled raw texts.

    Parameters
    ----------
    params : Params
        ``semi_supervised`` says how; ``model.calibration_folds`` is not None.
    texts : sequence of str, length n_samples
        Raw reviews.
    labels : sequence of int, length n_samples
        0 (negative) or 1 (positive).
    unlabelled : sequence of str, length n_unlabelled
        Raw reviews of the same kind, none of them held out for an evaluation.
    rounds : Rounds
        Does the work of the folds, which do not need each other.

    Returns
    -------
    Pipeline
        As `sentiment_core.pipeline.fit_pipeline` returns it: fitted, calibrated, and plain.

    Raises
    ------
    ValueError
        If no term is frequent enough for the vocabulary, or a class has fewer than two reviews.

    References
    ----------
    Wang and Manning (2012) for the classifier, see `naive_bayes_log_ratio`; Halko, Martinsson and
    Tropp (2011), "Finding Structure with Randomness", for the latent dimensions; Scudder (1965),
    "Probability of error of some adaptive pattern-recognition machines", for self-training.
    """
    pipeline = build_pipeline(params)
    pipeline["vectorizer"].set_params(min_df=params.semi_supervised.min_df)
    logger.info("Counting the terms of %d reviews", len(texts) + len(unlabelled))
    features = csr_array(pipeline["vectorizer"].fit_transform([*texts, *unlabelled]))
    classifier, targets = pipeline["classifier"], np.asarray(labels)
    folds = stratified_folds(targets, params.model.calibration_folds or 0)
    if not folds:
        raise ValueError("each class needs two labelled reviews at least")
    logger.info("Finding latent dimensions of %d terms", features.shape[1])
    trainer = _SelfTrainer(params, classifier, features, targets)
    learned_from = [*(seen for seen, _ in folds), np.arange(len(targets))]
    teachers = list(rounds(_teach, learned_from, trainer))
    weight = _choose_weight(teachers[:-1], folds, targets)
    logger.info("The latent dimensions weigh %g", weight)
    lessons = [_Lesson(*each, weight) for each in zip(learned_from, teachers, strict=True)]
    students = []
    for student in rounds(_learn, lessons, trainer):
        students.append(student)
        logger.info("Self-training, %d of %d are done", len(students), len(lessons))
    *by_fold, final = students
    decisions = np.empty(len(targets))
    for student, (_, unseen) in zip(by_fold, folds, strict=True):
        decisions[unseen] = student.values[unseen]
    classifier.classes_ = np.unique(targets)
    classifier.n_features_in_ = features.shape[1]
    classifier.coef_ = final.coefficients[np.newaxis, :]
    classifier.intercept_ = np.array([final.intercept])
    calibrate(classifier, decisions, targets)
    return pipeline


class _Teachers(NamedTuple):
    """What was learned from labels alone."""

    terms: _Decision
    latent: _Decision

    def values(self, weight: float) -> NDArray[np.float64]:
        return self.terms.values + weight * self.latent.values


class _Lesson(NamedTuple):
    """Labelled rows, what was learned from their labels, and the weight of its latent part."""

    rows: NDArray[np.int_]
    teachers: _Teachers
    weight: float


def _choose_weight(
    teachers: Sequence[_Teachers],
    folds: Sequence[tuple[NDArray[np.int_], NDArray[np.int_]]],
    labels: NDArray[np.int_],
) -> float:
    """Choose how much the latent dimensions say, by the log loss on rows that were left out."""

    def loss(weight: float) -> float:
        decisions = np.empty(len(labels))
        for teacher, (_, unseen) in zip(teachers, folds, strict=True):
            decisions[unseen] = teacher.values(weight)[unseen]
        return calibrated_log_loss(decisions, labels)

    return min(_LATENT_WEIGHTS, key=loss)


class _SelfTrainer:
    """Fits teachers and students on some of the labelled rows.

    Parameters
    ----------
    classifier : LogisticRegression
        Unfitted; copies of it are fitted.
    features : csr_array, shape (n_samples + n_unlabelled, n_terms)
        Terms of all reviews, the labelled ones first.
    labels : array of int, shape (n_samples,)
        Of the labelled ones.
    """

    def __init__(
        self,
        params: Params,
        classifier: LogisticRegression,
        features: csr_array,
        labels: NDArray[np.int_],
    ) -> None:
        self._params = params
        self._classifier = classifier
        self._features = features
        self._labels = labels
        self._unlabelled = np.arange(len(labels), features.shape[0])
        dimensions = max(1, min(params.semi_supervised.dimensions, min(features.shape) - 1))
        _, _, directions = randomized_svd(
            features.astype(np.float32), dimensions, n_iter=_POWER_ITERATIONS,
            random_state=params.model.random_state,
        )  # fmt: skip
        self._directions = directions.astype(np.float64)
        self._latent = features @ self._directions.T

    def teachers(self, rows: NDArray[np.int_]) -> _Teachers:
        """Learn from labelled rows alone: from their terms, and from their latent dimensions."""
        labels = self._labels[rows]
        terms = self._features[rows]
        frequent = (terms > 0).sum(axis=0) >= _LEAST_LABELLED
        by_terms = clone(self._classifier)
        fit_classifier(by_terms, csr_array(terms @ diags_array(frequent * 1.0)), labels,
                       self._params.model)  # fmt: skip
        by_latent = clone(self._classifier).fit(self._latent[rows], labels)
        return _Teachers(
            self._decision(by_terms.coef_[0], by_terms.intercept_[0]),
            self._decision(by_latent.coef_[0] @ self._directions, by_latent.intercept_[0]),
        )

    def student(self, rows: NDArray[np.int_], teachers: _Teachers, weight: float) -> _Decision:
        """Learn from labelled rows and what the teachers are surest of, and add the teachers."""
        negative, positive = self._surest(teachers.values(weight), self._labels[rows].mean())
        student = clone(self._classifier)
        fit_classifier(
            student,
            csr_array(vstack([self._features[rows], self._features[negative],
                              self._features[positive]])),
            np.concatenate([self._labels[rows], np.zeros(len(negative), dtype=int),
                            np.ones(len(positive), dtype=int)]),
            self._params.model,
        )  # fmt: skip
        teacher = teachers.terms + teachers.latent.times(weight)
        return self._decision(student.coef_[0], student.intercept_[0]) + self._decision(
            teacher.coefficients, teacher.intercept
        )

    def _surest(
        self, values: NDArray[np.float64], positive_share: float
    ) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """Name the surest of the unlabelled reviews, each class by its share of the labelled."""
        order = self._unlabelled[np.argsort(values[self._unlabelled], kind="stable")]
        kept = self._params.semi_supervised.share * len(order)
        n_positive = round(kept * positive_share)
        n_negative = round(kept * (1 - positive_share))
        return order[:n_negative], order[len(order) - n_positive :]

    def _decision(self, coefficients: NDArray[np.float64], intercept: float) -> _Decision:
        values = self._features @ coefficients + intercept
        spread = values[self._unlabelled].std() or 1.0
        return _Decision(coefficients, intercept, values).times(1 / spread)


def _teach(rows: NDArray[np.int_], trainer: _SelfTrainer) -> _Teachers:
    return trainer.teachers(rows)


def _learn(lesson: _Lesson, trainer: _SelfTrainer) -> _Decision:
    return trainer.student(*lesson)
