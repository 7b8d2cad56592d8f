"""What people look at: what the champion has learned, and the versions of its model."""

import math
from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request

from sentiment_core.labels import OWN_NAMES
from sentiment_core.registry_names import verdict_of
from sentiment_serve.api.problems import problem_responses
from sentiment_serve.api.schemas import (
    CalibrationPoint,
    ModelReportAnswer,
    RegisteredVersionAnswer,
    TermWeight,
    VersionsAnswer,
)
from sentiment_serve.api.state import state_of
from sentiment_serve.model.top_terms import Terms
from sentiment_serve.model.version import RegisteredVersion

router = APIRouter(tags=["model"])


@router.get("/model-report", responses=problem_responses(503))
async def model_report(request: Request) -> ModelReportAnswer:
    """Describe what the champion has learned: terms, figures, calibration."""
    state = state_of(request)
    model = state.service.model_for()
    negative, positive = await state.top_terms.of(model)
    return ModelReportAnswer(
        version=model.version,
        n_terms=model.scorer.n_terms,
        max_ngram=model.scorer.max_ngram,
        labels=dict(model.scorer.labels or OWN_NAMES),
        metrics=model.metrics,
        calibration=[
            CalibrationPoint(predicted=predicted, observed=observed)
            for predicted, observed in model.calibration
        ],
        positive_terms=_weights(positive),
        negative_terms=_weights(negative),
    )


@router.get("/model-versions", responses=problem_responses(403, 404, 503))
async def model_versions(request: Request) -> VersionsAnswer:
    """List the versions of the registered model, the newest first, and what was decided of each."""
    state = state_of(request)
    versions = await state.history.versions()
    return VersionsAnswer(
        model_name=state.settings.registered_model,
        versions=list(map(_answer, versions)),
        can_roll_back=state.rollback.is_possible,
    )


def _weights(terms: Terms) -> list[TermWeight]:
    return [TermWeight(term=term, coefficient=coefficient) for term, coefficient in terms]


def _answer(found: RegisteredVersion) -> RegisteredVersionAnswer:
    decision = found.decision
    return RegisteredVersionAnswer(
        version=found.version,
        created_at=found.created_at,
        aliases=list(found.aliases),
        verdict=verdict_of(decision["verdict"]) if "verdict" in decision else None,
        reason=decision.get("reason"),
        metric=decision.get("metric"),
        score=_score(decision),
        decided_at=_moment(decision),
    )


def _score(decision: Mapping[str, str]) -> float | None:
    """Read a figure from tags, which anybody may have written."""
    try:
        score = float(decision.get("candidate_score", ""))
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def _moment(decision: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.fromisoformat(decision.get("decided_at", ""))
    except ValueError:
        return None
