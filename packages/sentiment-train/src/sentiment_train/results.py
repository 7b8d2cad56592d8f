"""What a training run hands on: small frozen records."""

from dataclasses import dataclass
from typing import Any, Literal

import pydantic.dataclasses

from sentiment_core.params import MetricName

Verdict = Literal["promoted", "not-promoted"]


@dataclass(frozen=True)
class LoggedModel:
    """A model in MLflow's tracking store."""

    run_id: str
    model_uri: str
    scorer_digest: str


@pydantic.dataclasses.dataclass(frozen=True)
class Decision:
    """Whether a candidate became champion, and why."""

    verdict: Verdict
    reason: str
    metric: MetricName
    candidate_score: float | None = None
    champion_version: str | None = None
    champion_score: float | None = None
    p_value: float | None = None
    n_rows: int | None = None
    guardrails: str | None = None

    @property
    def promoted(self) -> bool:
        """True if the candidate is the champion now."""
        return self.verdict == "promoted"


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of one training run.

    Attributes
    ----------
    metrics : dict
        On the held-out rows, of a model that has not seen them.
    scorer_digest : str
        Of what serves.
    challenger : bool
        Whether it marked its version so.
    unlabelled : str or None
        What reviews without labels were worth, if there were any.
    """

    run_id: str
    metrics: dict[MetricName, float]
    scorer_digest: str
    model_version: str | None
    decision: Decision | None
    challenger: bool = False
    unlabelled: str | None = None


@dataclass(frozen=True)
class FinishedTrial:
    """Parameters that a search has tried; those that were given up early have no loss."""

    number: int
    values: dict[str, Any]
    log_loss: float | None
