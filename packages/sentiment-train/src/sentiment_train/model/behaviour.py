"""Behavioural checks: what a model should do when a text changes in a way that people understand.

Ribeiro et al. (2020), "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", call them
invariance and directional expectation tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sentiment_core.errors import DataError
from sentiment_core.labels import DECISION_THRESHOLD
from sentiment_core.params import PromotionParams
from sentiment_core.scorer import LinearScorer

SAME_WITHIN: Final = 0.1
"""How far the probability may move where a change means nothing."""

Expectation = Literal["same", "more positive", "more negative"]


class BehaviourCheck(BaseModel):
    """Pairs of texts, and what the second is to the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    expects: Expectation
    pairs: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]


@dataclass(frozen=True)
class Failure:
    """A pair for which the model did not do what was expected, and its probabilities."""

    text: str
    changed: str
    probability: float
    probability_changed: float


@dataclass(frozen=True)
class Behaviour:
    """How a model did in one check."""

    name: str
    expects: Expectation
    n_pairs: int
    failures: list[Failure]

    @property
    def n_passed(self) -> int:
        """Pairs for which it did what was expected."""
        return self.n_pairs - len(self.failures)


def load_checks(path: Path) -> list[BehaviourCheck]:
    """Read a file of checks.

    Raises
    ------
    DataError
        If it is missing, no YAML or malformed; the message says where.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[BehaviourCheck]).validate_python(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise DataError(f"{path} is no list of checks: {place}: {problem['msg']}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"Cannot read the behavioural checks {path}: {error}.") from error


def promotion_checks(rule: PromotionParams) -> list[BehaviourCheck]:
    """Read the checks that a candidate and its champion are asked, if the rule names a file.

    Raises
    ------
    DataError
        As `load_checks`.
    """
    path = rule.guardrails.behaviour
    return load_checks(Path(path)) if path else []


def run_checks(scorer: LinearScorer, checks: Sequence[BehaviourCheck]) -> list[Behaviour]:
    """Ask a model about each pair of texts."""
    return [_run(scorer, check) for check in checks]


def _run(scorer: LinearScorer, check: BehaviourCheck) -> Behaviour:
    failures = []
    for text, changed in check.pairs:
        before, after = scorer.predict_positive(text), scorer.predict_positive(changed)
        if not _as_expected(check.expects, before, after):
            failures.append(Failure(text, changed, before, after))
    return Behaviour(check.name, check.expects, len(check.pairs), failures)


def _as_expected(expects: Expectation, before: float, after: float) -> bool:
    if expects == "more positive":
        return after > before
    if expects == "more negative":
        return after < before
    same_label = (before >= DECISION_THRESHOLD) == (after >= DECISION_THRESHOLD)
    return same_label and abs(after - before) <= SAME_WITHIN
