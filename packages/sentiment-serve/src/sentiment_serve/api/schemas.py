"""The shapes of requests and answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from sentiment_core.errors import BlankTextError
from sentiment_core.labels import Sentiment
from sentiment_core.prediction import BLANK_TEXT, is_blank, is_unicode


def _check_review(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError(BlankTextError.code, BLANK_TEXT)
    if not is_unicode(text):
        raise PydanticCustomError("lone_surrogate", "The text is not Unicode.")
    return text


# What Python takes for white space, for readers of ECMA-262, whose `\s` differs in six characters.
_NOT_BLANK: Final = r"[^\s\u001c-\u001f\u0085]|\ufeff"

Review = Annotated[
    str,
    AfterValidator(_check_review),
    Field(json_schema_extra={"minLength": 1, "pattern": _NOT_BLANK}),
]
"""A text that holds more than white space."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class PredictRequest(_Request):
    """One text."""

    text: Review = Field(examples=["This movie is amazing!"])


class BatchRequest(_Request):
    """Several texts."""

    texts: list[Review] = Field(min_length=1, examples=[["A fine film.", "A waste of time."]])


class FeedbackRequest(_Request):
    """The true label of an answered request."""

    request_id: str = Field(min_length=1, max_length=80, examples=["review-42"])
    sentiment: Sentiment = Field(description="The true one, as `/predict` spells it.")


class Prediction(_Answer):
    """A label."""

    sentiment: Sentiment = Field(examples=["positive"])
    confidence: float = Field(ge=0.5, le=1, examples=[0.9274])
    label: str | None = Field(
        default=None,
        description="What people call it, where the training named the classes; absent otherwise.",
    )
    model_version: str = Field(examples=["2"])
    low_information: bool = Field(
        default=False,
        description="True where the model knows less than half of the words of the text; absent "
        "otherwise.",
    )


class BatchAnswer(_Answer):
    """Labels in the order of the texts, all of the same version."""

    predictions: list[Prediction]


class Term(_Answer):
    """What a term adds to the log-odds of positive."""

    term: str
    occurrences: int
    contribution: float


class Word(_Answer):
    """A word as it stands in the text, and its share of the terms that it is part of."""

    word: str
    contribution: float


class StrongestWord(_Answer):
    """A clean word, and all of its shares of the terms that it is part of."""

    word: str
    contribution: float


class ExplainAnswer(Prediction):
    """A label taken apart: ``intercept + sum of contributions = decision``."""

    labels: dict[Sentiment, str] | None = Field(
        default=None, description="The names of both classes; absent like label."
    )
    decision: float
    intercept: float
    terms: list[Term]
    words: list[Word]
    strongest_words: list[StrongestWord]


class HealthAnswer(_Answer):
    """Whether the API can answer."""

    status: str = Field(examples=["healthy"])
    model_loaded: bool
    detail: str | None = Field(default=None, description="Why not, and what to do; only then.")


class ReadyAnswer(_Answer):
    """Whether the API can answer, and what is not as it should be."""

    status: str
    version: str | None
    degraded: list[str]
    detail: str | None = Field(default=None, description="Why not, and what to do; only then.")


class ModelInfoAnswer(_Answer):
    """The model that answers, and the state of its source."""

    model_name: str
    version: str
    alias: str
    run_id: str
    metrics: dict[str, float]
    loaded_at: datetime
    scorer_digest: str
    from_cache: bool
    challenger_version: str | None
    last_registry_success: datetime | None
    degraded: list[str]


class TermWeight(_Answer):
    """A term, and what it adds to the log-odds of the positive class for each unit of TF-IDF."""

    term: str
    coefficient: float


class CalibrationPoint(_Answer):
    """Held-out texts of about one predicted probability."""

    predicted: float = Field(description="Mean predicted probability of the positive class.")
    observed: float = Field(description="Share of them that is positive.")


class ModelReportAnswer(_Answer):
    """What the champion has learned, and how far it can be believed."""

    version: str
    n_terms: int
    max_ngram: int
    labels: dict[str, str] = Field(description="What people call the classes.")
    metrics: dict[str, float]
    calibration: list[CalibrationPoint] = Field(description="Empty for versions before this one.")
    positive_terms: list[TermWeight] = Field(description="The strongest first.")
    negative_terms: list[TermWeight] = Field(description="The strongest first.")


class RegisteredVersionAnswer(_Answer):
    """A version of the registered model, and what was decided of it when it was trained."""

    version: str
    created_at: datetime | None
    aliases: list[str]
    verdict: str | None = Field(description="`promoted` or `not-promoted`; none if nobody asked.")
    reason: str | None
    metric: str | None = Field(description="The figure that decided.")
    score: float | None = Field(description="What it was, on held-out texts.")
    decided_at: datetime | None


class VersionsAnswer(_Answer):
    """The versions of the registered model, the newest first."""

    model_name: str
    versions: list[RegisteredVersionAnswer]
    can_roll_back: bool = Field(
        description="Whether `/admin/rollback` works here: the command line is installed too."
    )


class ReloadAnswer(_Answer):
    """Whether another version serves now."""

    reloaded: bool
    version: str | None


class RollbackRequest(_Request):
    """From which champion to go back."""

    champion: str = Field(
        pattern="^[0-9]{1,18}$",
        description="The version that is taken for the champion. If it is another one, nothing "
        "happens: who asks twice goes back once.",
        examples=["7"],
    )  # fmt: skip


class RollbackAnswer(_Answer):
    """Which version is the champion now."""

    former: str | None
    champion: str
    passed_over: list[str] = Field(description="Earlier champions that cannot serve any more.")
    version: str | None = Field(description="What serves now.")


class FeedbackAnswer(_Answer):
    """What the feedback says of the prediction."""

    correct: bool
    model_version: str
