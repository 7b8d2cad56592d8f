"""The experiment's choices, read from ``params.yaml`` and validated; no value stands here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sentiment_core.errors import ParamsError
from sentiment_core.labels import MAX_LABEL_LENGTH, LabelNames

SourceName = Literal["package", "stanford", "hub", "csv"]
MetricName = Literal["f1", "accuracy", "precision", "recall", "roc_auc", "log_loss", "brier"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnParams(_Section):
    """Where a table of a team's own holds texts and labels, and what its labels mean."""

    text: str = Field(default="text", min_length=1, description="Column of the texts.")
    label: str = Field(default="label", min_length=1, description="Column of the labels.")
    negative: tuple[str, ...] = Field(
        default=("0",), min_length=1, description="Labels that mean negative."
    )
    positive: tuple[str, ...] = Field(
        default=("1",), min_length=1, description="Labels that mean positive."
    )
    neutral: tuple[str, ...] = Field(
        default=(), description="Labels that mean neither; such reviews are left out."
    )

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        labels = [*self.negative, *self.positive, *self.neutral]
        if len(set(labels)) < len(labels):
            raise ValueError("a label means one thing: it stands there twice")
        return self


DisplayName = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_LENGTH, pattern=r"\S")]


class LabelParams(_Section):
    """What people call the two classes."""

    negative: DisplayName
    positive: DisplayName

    def names(self) -> LabelNames:
        """Return them by class."""
        return {"negative": self.negative, "positive": self.positive}

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.negative == self.positive:
            raise ValueError("the two classes have two names")
        return self


class DataParams(_Section):
    """Where the reviews come from and how they are split."""

    source: SourceName = Field(description="Where `prepare-data` gets labelled reviews.")
    path: str = Field(min_length=1, description="The prepared CSV file (columns text,label).")
    columns: ColumnParams | None = Field(
        description="Columns and labels of your own file; null: text,label with 0 and 1."
    )
    labels: LabelParams | None = Field(
        description="Names that API, page and reports show; null: negative and positive."
    )
    samples: int | None = Field(ge=20, description="Balanced sample size; null takes all reviews.")
    seed: int = Field(ge=0, description="Seed of the sample and of the split.")
    test_size: float = Field(gt=0, lt=1, description="Share of the rows held out for evaluation.")
    refit: bool = Field(
        description="Let what serves be fitted on all rows, after the evaluation on those held out."
    )
    unlabelled: str | None = Field(
        min_length=1,
        description="Reviews without labels to learn from too: package, stanford, or a file or "
        "folder of texts; null: none.",
    )


class VectorizerParams(_Section):
    """TF-IDF: which n-grams make the vocabulary."""

    ngram_range: tuple[Annotated[int, Field(ge=1, le=3)], Annotated[int, Field(ge=1, le=3)]] = (
        Field(description="Shortest and longest n-gram, in words.")
    )
    min_df: int = Field(ge=1, description="Drop terms that occur in fewer reviews.")
    max_df: float = Field(gt=0, le=1, description="Drop terms that occur in a larger share.")
    max_features: int | None = Field(ge=1, description="Keep the most frequent terms; null: all.")
    sublinear_tf: bool = Field(description="Use 1 + ln(count) instead of the count.")

    @model_validator(mode="after")
    def _check_ngram_order(self) -> Self:
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError("ngram_range: the shortest n-gram is longer than the longest")
        return self


class ModelParams(_Section):
    """The classifier."""

    C: float = Field(gt=0, description="Inverse strength of the L2 regularisation.")
    max_iter: int = Field(ge=1, description="Most iterations of the solver.")
    random_state: int = Field(ge=0, description="Seed of the solver.")
    naive_bayes_smoothing: float | None = Field(
        gt=0,
        description="Scale each term by its naive Bayes log-count ratio, with this smoothing, "
        "before the fit (NB-LR); null: plain logistic regression.",
    )
    calibration_folds: int | None = Field(
        ge=2,
        le=20,
        description="Folds of the cross-validation that calibrates the probabilities; null: none.",
    )


class SemiSupervisedParams(_Section):
    """How reviews without labels are learned from, if there are any (data.unlabelled)."""

    min_df: int = Field(
        ge=1, description="Drop terms that occur in fewer reviews, with and without labels."
    )
    dimensions: int = Field(ge=1, le=1000, description="Latent dimensions of the teacher.")
    share: float = Field(
        gt=0, le=1, description="Share of the unlabelled reviews to learn from, the surest first."
    )


class GuardrailParams(_Section):
    """What may not get worse when a champion is replaced; null: not looked at."""

    slice_loss: float | None = Field(
        ge=0, le=1, description="Largest fall of accuracy in a third of the reviews by length."
    )
    calibration_error: float | None = Field(
        ge=0, le=1, description="Largest calibration error, unless the champion's is as large."
    )
    megabytes: float | None = Field(gt=0, description="Largest scorer file.")
    slowdown: float | None = Field(
        gt=0, description="How many times as long as the champion it may take for a review."
    )
    behaviour: str | None = Field(min_length=1, description="File of behavioural checks.")
    behaviour_loss: float = Field(
        ge=0, le=1, description="Largest fall of the share of behavioural checks that are passed."
    )


class PromotionParams(_Section):
    """When a candidate replaces the champion."""

    metric: MetricName = Field(description="Figure on the held-out rows that decides.")
    min_gain: float = Field(ge=0, description="By how much it has to be better, at least.")
    alpha: float = Field(
        gt=0,
        le=1,
        description="Largest p-value of the paired test that the gain is no chance; 1: no test.",
    )
    min_rows: int = Field(
        ge=1, description="Held-out rows of each class that neither model was trained on, at least."
    )
    reference: str | None = Field(
        min_length=1,
        description="File of labelled reviews that every candidate is judged on instead of its "
        "held-out rows; null: none.",
    )
    guardrails: GuardrailParams


class ChoiceRange(_Section):
    """A parameter that is one of some values."""

    choices: Annotated[tuple[Any, ...], Field(min_length=1)]


class NumberRange(_Section):
    """A parameter that is a number between two others."""

    low: float
    high: float
    log: bool = Field(default=False, description="Whether factors count, not differences.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low is less than high, and more than 0 where log is true")
        return self


class TuneParams(_Section):
    """What `sentiment-cli tune` searches."""

    folds: int = Field(ge=2, le=20, description="Folds of the cross-validation.")
    ranges: dict[str, ChoiceRange | NumberRange] = Field(
        min_length=1, description="By section.name, such as model.C."
    )


class Params(_Section):
    """All parameters of one training run."""

    data: DataParams
    vectorizer: VectorizerParams
    model: ModelParams
    semi_supervised: SemiSupervisedParams
    promotion: PromotionParams
    tune: TuneParams

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        known = {f"vectorizer.{name}" for name in VectorizerParams.model_fields}
        known |= {f"model.{name}" for name in ModelParams.model_fields}
        if unknown := sorted(set(self.tune.ranges) - known):
            raise ValueError(f"tune.ranges names {', '.join(unknown)}: there is no such parameter")
        return self

    @model_validator(mode="after")
    def _check_semi_supervised(self) -> Self:
        if self.data.unlabelled and self.model.calibration_folds is None:
            raise ValueError(
                "data.unlabelled needs model.calibration_folds: the folds judge what is learned"
            )
        return self

    def flat(self) -> dict[str, Any]:
        """Return dotted names and values, as logged to MLflow.

        Returns
        -------
        dict of str to Any
            For example ``{"model.C": 10.0, ...}``.
        """
        return {
            f"{section}.{name}": value
            for section, values in self.model_dump(mode="json").items()
            for name, value in values.items()
        }

    def with_samples(self, samples: int) -> Self:
        """Ask for a sample of another size, in a data file of its own.

        Parameters
        ----------
        samples : int
            Reviews to draw.

        Returns
        -------
        Params
            For example with ``data.path`` of ``data/imdb_sample_500.csv``.
        """
        if samples == self.data.samples:
            return self
        path = Path(self.data.path)
        other = path.with_stem(f"{path.stem}_{samples}").as_posix()
        return self.with_values({"data.samples": samples, "data.path": other})

    def with_values(self, values: Mapping[str, object]) -> Self:
        """Replace parameters by their dotted names.

        Parameters
        ----------
        values : mapping of str to object
            For example ``{"model.C": 3.0}``.

        Returns
        -------
        Params
            Validated.

        Raises
        ------
        ParamsError
            As `parse_params`.
        """
        sections = self.model_dump()
        for name, value in values.items():
            section, _, key = name.partition(".")
            sections[section][key] = value
        return cast("Self", parse_params(sections))


def parse_params(values: object) -> Params:
    """Validate parameters that are already in memory.

    Parameters
    ----------
    values : object
        Nested mapping of sections, as read from YAML.

    Returns
    -------
    Params
        The validated, frozen parameters.

    Raises
    ------
    ParamsError
        If a key is missing, unknown or out of range; the message names each key.
    """
    if not isinstance(values, Mapping):
        raise ParamsError("The parameters must be a mapping of sections (data, vectorizer, model).")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'parameters'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise ParamsError(f"Invalid parameters: {problems}.") from error


def load_params(path: Path) -> Params:
    """Read and validate a parameter file.

    Parameters
    ----------
    path : Path
        YAML file, usually ``params.yaml``.

    Returns
    -------
    Params
        The validated, frozen parameters.

    Raises
    ------
    ParamsError
        If the file is missing, is not YAML or holds invalid parameters.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"No parameter file {path}: run from the project's folder or name one with --params."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"Cannot read the parameter file {path}: {error}.") from error
    except yaml.YAMLError as error:
        raise ParamsError(f"The parameter file {path} is not valid YAML: {error}.") from error
    return parse_params(values)
