"""The experiment's choices, read from ``params.yaml`` and validated; no value stands here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sentiment_core.errors import ParamsError

SourceName = Literal["package", "stanford", "hub", "csv"]
MetricName = Literal["f1", "accuracy", "precision", "recall", "roc_auc", "log_loss", "brier"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataParams(_Section):
    """Where the reviews come from and how they are split."""

    source: SourceName = Field(description="Where `prepare-data` gets labelled reviews.")
    path: str = Field(min_length=1, description="The prepared CSV file (columns text,label).")
    samples: int | None = Field(ge=20, description="Balanced sample size; null takes all reviews.")
    seed: int = Field(ge=0, description="Seed of the sample and of the split.")
    test_size: float = Field(gt=0, lt=1, description="Share of the rows held out for evaluation.")


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


class Params(_Section):
    """All parameters of one training run."""

    data: DataParams
    vectorizer: VectorizerParams
    model: ModelParams
    promotion: PromotionParams

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
        other = {"samples": samples, "path": path.with_stem(f"{path.stem}_{samples}").as_posix()}
        return self.model_copy(update={"data": self.data.model_copy(update=other)})


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
