"""Rules of promotion for tests that say what counts and switch off the rest."""

from typing import Any

from sentiment_core.params import GuardrailParams, PromotionParams


def make_guardrails(**limits: Any) -> GuardrailParams:
    """Make guardrails: those that are named, and no other."""
    nothing = dict.fromkeys(GuardrailParams.model_fields)
    return GuardrailParams.model_validate({**nothing, "behaviour_loss": 0.0, **limits})


def make_rule(**values: Any) -> PromotionParams:
    """Make a rule: f1, any gain, one row of each class and no guardrail, unless values say else."""
    usual = {"metric": "f1", "min_gain": 0.0, "alpha": 1.0, "min_rows": 1, "reference": None}
    return PromotionParams.model_validate({**usual, "guardrails": make_guardrails(), **values})
