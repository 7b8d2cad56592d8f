"""Compares a candidate with registered versions on the candidate's held-out rows."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.model_package import load_package
from sentiment_core.params import MetricName
from sentiment_core.scorer import LinearScorer
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.evaluation import evaluate
from sentiment_train.registry.decision import Comparison
from sentiment_train.registry.mlflow_errors import PROVEN_BAD
from sentiment_train.registry.training_rows import read_training_rows
from sentiment_train.registry.versions import Registry

_MIN_FAIR_ROWS: Final = 50


class HeldOutComparison:
    """Compares a candidate with other versions on the candidate's held-out rows.

    Parameters
    ----------
    scorer : LinearScorer
        The candidate.
    test : DataFrame, shape (n_reviews, 2)
        Held-out rows: columns ``text`` and ``label``.
    fingerprints : array of uint64, shape (n_reviews,)
        What `text_fingerprints` returns for these rows.
    metric : str
        The figure that decides which model is better.
    known : HeldOutScores, optional
        What a model says of these rows; a version with its digest is not scored again.
    """

    def __init__(
        self,
        registry: Registry,
        scorer: LinearScorer,
        test: pd.DataFrame,
        fingerprints: NDArray[np.uint64],
        metric: MetricName,
        known: HeldOutScores | None = None,
    ) -> None:
        self.metric = metric
        self._registry = registry
        self._texts = test["text"].tolist()
        self._labels = test["label"].to_numpy()
        self._fingerprints = fingerprints
        self._scored = {known.scorer_digest: known.probabilities} if known else {}
        self._candidate = self._probabilities(scorer)
        self._compared: dict[str, Comparison] = {}

    def candidate_score(self) -> float:
        """Return the candidate's metric on all held-out rows."""
        return self._score(self._candidate, np.ones(len(self._labels), dtype=bool))

    def compare(self, version: str) -> Comparison:
        """Compare the candidate with a version; one whose model is damaged or gone has no score.

        Raises
        ------
        SentimentError
            If the version cannot be read, which says nothing of its model.
        """
        if version not in self._compared:
            self._compared[version] = self._compare(version)
        return self._compared[version]

    def _compare(self, version: str) -> Comparison:
        try:
            with self._registry.package(version) as folder:
                scorer = load_package(folder).scorer
                trained_on = read_training_rows(folder)
        except PROVEN_BAD as error:
            reason = f"version {version} cannot be read ({error})"
            return Comparison(version, self.candidate_score(), None, reason)
        rows, remark = self._fair_rows(trained_on)
        candidate = self._score(self._candidate, rows)
        rival = self._score(self._probabilities(scorer), rows)
        reason = (
            f"{self.metric} {candidate:.4f} against {rival:.4f} of version {version} on {remark}"
        )
        return Comparison(version, candidate, rival, reason)

    def _fair_rows(self, trained_on: NDArray[np.uint64] | None) -> tuple[NDArray[np.bool_], str]:
        every = np.ones(len(self._labels), dtype=bool)
        if trained_on is None:
            return every, f"{len(every)} held-out rows (its training rows are not known)"
        unseen = ~np.isin(self._fingerprints, trained_on)
        n_seen = len(every) - int(unseen.sum())
        if not n_seen:
            return every, f"{len(every)} held-out rows"
        if unseen.sum() < _MIN_FAIR_ROWS or len(np.unique(self._labels[unseen])) == 1:
            return every, f"{len(every)} held-out rows, though it was trained on {n_seen} of them"
        return unseen, (
            f"{int(unseen.sum())} of {len(every)} held-out rows (it was trained on the others)"
        )

    def _probabilities(self, scorer: LinearScorer) -> NDArray[np.float64]:
        if scorer.digest not in self._scored:
            self._scored[scorer.digest] = scorer.predict_proba(self._texts)[:, 1]
        return self._scored[scorer.digest]

    def _score(self, probabilities: NDArray[np.float64], rows: NDArray[np.bool_]) -> float:
        return evaluate(self._labels[rows], probabilities[rows]).metrics()[self.metric]
