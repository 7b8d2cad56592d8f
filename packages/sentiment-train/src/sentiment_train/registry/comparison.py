"""Compares a candidate with registered versions on the candidate's held-out rows."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_core.errors import ScorerError
from sentiment_core.labels import SENTIMENTS
from sentiment_core.model_package import load_package
from sentiment_core.params import PromotionParams
from sentiment_core.scorer import LinearScorer
from sentiment_train.model.behaviour import BehaviourCheck
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.evaluation import evaluate
from sentiment_train.model.guardrails import ScoredModel, check_guardrails
from sentiment_train.model.significance import p_value_of_gain
from sentiment_train.registry.decision import Comparison
from sentiment_train.registry.judged_model import Rows, read_judged, read_training_rows
from sentiment_train.registry.mlflow_errors import PROVEN_BAD
from sentiment_train.registry.versions import Registry

logger = logging.getLogger(__name__)


class HeldOutComparison:
    """Compares a candidate with other versions on the candidate's held-out rows.

    Parameters
    ----------
    scorer : LinearScorer
        The candidate: the one that has not seen the held-out rows.
    test : DataFrame, shape (n_reviews, 2)
        Held-out rows: columns ``text`` and ``label``.
    fingerprints : array of uint64, shape (n_reviews,)
        What `text_fingerprints` returns for these rows.
    rule : PromotionParams
        What it takes to be better.
    known : HeldOutScores, optional
        What a model says of these rows; a version with its digest is not scored again.
    kind : {"held-out", "reference"}
        What the rows are called.
    checks : sequence of BehaviourCheck
        What both models are asked beside the rows.
    """

    def __init__(
        self,
        registry: Registry,
        scorer: LinearScorer,
        test: pd.DataFrame,
        fingerprints: NDArray[np.uint64],
        rule: PromotionParams,
        known: HeldOutScores | None = None,
        kind: Literal["held-out", "reference"] = "held-out",
        checks: Sequence[BehaviourCheck] = (),
    ) -> None:
        self.rule = rule
        self._checks = checks
        self._kind = kind
        self._registry = registry
        self._texts = test["text"].tolist()
        self._labels = test["label"].to_numpy()
        self._fingerprints = fingerprints
        self._scored = {known.scorer_digest: known.probabilities} if known else {}
        self._candidate = ScoredModel(scorer, self._probabilities(scorer))
        self._compared: dict[str, Comparison] = {}

    def candidate_score(self) -> float:
        """Return the candidate's metric on all held-out rows."""
        return evaluate(self._labels, self._candidate.probabilities).metrics()[self.rule.metric]

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
                scorer, trained_on = _read_rival(folder, version)
        except PROVEN_BAD as error:
            reason = f"version {version} cannot be read ({error})"
            return Comparison(version, self.candidate_score(), None, reason)
        fair, remark = self._fair_rows(trained_on)
        if missing := self._missing_rows(fair):
            return Comparison(
                version, None, None, f"version {version} and this one have {remark} in common",
                n_rows=int(fair.sum()), objection=missing,
            )  # fmt: skip
        return self._compare_on(fair, version, scorer, remark)

    def _compare_on(
        self, fair: NDArray[np.bool_], version: str, scorer: LinearScorer, remark: str
    ) -> Comparison:
        labels = self._labels[fair]
        mine = ScoredModel(self._candidate.scorer, self._candidate.probabilities[fair])
        its = ScoredModel(scorer, self._probabilities(scorer)[fair])
        score, rival_score = (
            evaluate(labels, model.probabilities).metrics()[self.rule.metric]
            for model in (mine, its)
        )
        texts = [text for text, is_fair in zip(self._texts, fair, strict=True) if is_fair]
        limits = self.rule.guardrails
        guardrails = check_guardrails(limits, mine, its, texts, labels, self._checks)
        objections = [str(guardrail) for guardrail in guardrails if guardrail.broken]
        p_value = p_value_of_gain(labels, mine.probabilities, its.probabilities)
        if p_value > self.rule.alpha:
            objections.append(
                f"so much may be chance (p {p_value:.2f}, promotion.alpha {self.rule.alpha:g})"
            )
        return Comparison(
            version,
            score,
            rival_score,
            f"{self.rule.metric} {score:.4f} against {rival_score:.4f} of version {version} "
            f"on {remark}",
            p_value=p_value,
            n_rows=int(fair.sum()),
            objection="; ".join(objections) or None,
            guardrails="; ".join(f"{found.name}: {found.finding}" for found in guardrails) or None,
        )

    def _every_row(self) -> NDArray[np.bool_]:
        return np.ones(len(self._labels), dtype=bool)

    def _fair_rows(self, trained_on: Rows | None) -> tuple[NDArray[np.bool_], str]:
        every = self._every_row()
        if trained_on is None:
            return every, f"{len(every)} {self._kind} rows (its training rows are not known)"
        unseen = ~np.isin(self._fingerprints, trained_on)
        if unseen.all():
            return every, f"{len(every)} {self._kind} rows"
        return unseen, (
            f"{int(unseen.sum())} of {len(every)} {self._kind} rows (it was trained on the others)"
        )

    def _missing_rows(self, fair: NDArray[np.bool_]) -> str | None:
        """Say how many rows are missing for a comparison; None if there are enough."""
        counts = np.bincount(self._labels[fair], minlength=len(SENTIMENTS))
        least = self.rule.min_rows
        missing = [
            f"{least - count} {name}"
            for name, count in zip(SENTIMENTS, counts, strict=True)
            if count < least
        ]
        if not missing:
            return None
        return (
            f"too few to tell them apart: {' and '.join(missing)} rows are missing for the "
            f"{least} of each class that promotion.min_rows asks for"
        )

    def _probabilities(self, scorer: LinearScorer) -> NDArray[np.float64]:
        if scorer.digest not in self._scored:
            self._scored[scorer.digest] = scorer.predict_proba(self._texts)[:, 1]
        return self._scored[scorer.digest]


def _read_rival(package: Path, version: str) -> tuple[LinearScorer, Rows | None]:
    served = load_package(package).scorer
    try:
        return read_judged(package, served)
    except ScorerError as error:
        # It serves all the same: it is judged on the rows that what serves has not seen.
        logger.warning("The judged model of version %s is damaged: %s", version, error)
        return served, read_training_rows(package)
