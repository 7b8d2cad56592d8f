"""Logs a search for parameters to MLflow: a run, and one nested in it for each trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import mlflow

from sentiment_core.params import Params
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.registry.run_log import code_tags, ensure_experiment, params_as_text
from sentiment_train.results import FinishedTrial
from sentiment_train.settings import TrainSettings

TUNING_TAG: Final = "tuning"
"""Which search a run belongs to."""

_METRIC: Final = "log_loss"


class TuningLog:
    """The run of a search.

    Parameters
    ----------
    experiment_id : str
        Of the active run, which holds the others.
    params : Params
        Where the search began.
    name : str
        Of the search.
    """

    def __init__(self, experiment_id: str, params: Params, name: str) -> None:
        self._experiment_id = experiment_id
        self._params, self._name = params, name

    @mapped_mlflow_errors()
    def add(self, trial: FinishedTrial) -> None:
        """Log a trial as a nested run."""
        outcome = "complete" if trial.log_loss is not None else "pruned"
        tags = {TUNING_TAG: self._name, "trial": str(trial.number), "outcome": outcome}
        with mlflow.start_run(
            experiment_id=self._experiment_id, nested=True, run_name=f"trial-{trial.number}",
            tags=tags,
        ):  # fmt: skip
            mlflow.log_params(params_as_text(self._params.with_values(trial.values)))
            if trial.log_loss is not None:
                mlflow.log_metric(_METRIC, trial.log_loss)

    @mapped_mlflow_errors()
    def finish(self, best: FinishedTrial) -> None:
        """Log the best parameters of all."""
        mlflow.log_params(params_as_text(self._params.with_values(best.values)))
        if best.log_loss is not None:
            mlflow.log_metric(_METRIC, best.log_loss)


@contextmanager
def tuning_log(settings: TrainSettings, params: Params, name: str) -> Iterator[TuningLog]:
    """Open the run of a search, and close it."""
    experiment_id = ensure_experiment(settings)
    tags = {TUNING_TAG: name, **code_tags(settings)}
    with mapped_mlflow_errors():
        run = mlflow.start_run(experiment_id=experiment_id, run_name=f"tune-{name}", tags=tags)
    with run:
        yield TuningLog(experiment_id, params, name)
