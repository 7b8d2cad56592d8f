"""Runs the training flow on a worker, wherever that is, and reads the outcome from MLflow."""

import math
import time
from collections.abc import Callable
from typing import Any, Final, cast

import mlflow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from sentiment_core.errors import NotFoundError, RunError
from sentiment_core.params import MetricName
from sentiment_core.registry_names import CHALLENGER, SCORER_DIGEST_TAG
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.registry.promotion import read_decision
from sentiment_train.registry.run_log import find_run_of_flow
from sentiment_train.registry.versions import Registry
from sentiment_train.request import TrainingRequest
from sentiment_train.results import TrainingResult
from sentiment_train.running.prefect_errors import mapped_prefect_errors
from sentiment_train.settings import TrainSettings

DEPLOYMENT: Final = "sentiment-training/default"
_POLL_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 20.0


def run_remotely(
    settings: TrainSettings,
    request: TrainingRequest,
    *,
    on_state: Callable[[str], None] = lambda _state: None,
    on_start: Callable[[str], None] = lambda _flow_run_id: None,
) -> TrainingResult:
    """Start a run of the deployment and wait for its end; the result is as if it had run here.

    Parameters
    ----------
    request : TrainingRequest
        Travels with the run; its data file is one of the worker's machine.
    on_state : callable, optional
        Called with each new state of the run.
    on_start : callable, optional
        Called with the id of the flow run.

    Raises
    ------
    NotFoundError
        If there is no deployment, or MLflow has no record of the run.
    RunError
        If the run fails.
    UnreachableError
        If Prefect or MLflow does not answer.
    """
    parameters = request.flow_parameters()
    try:
        with mapped_prefect_errors():
            started: Any = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0)
    except NotFoundError as error:
        raise NotFoundError(
            f"The Prefect server has no deployment {DEPLOYMENT}: make it with "
            "`prefect --no-prompt deploy --all`."
        ) from error
    on_start(str(started.id))
    run = _wait(started, on_state)
    if run.state is None or not run.state.is_completed():
        message = run.state.message if run.state else None
        raise RunError(f"{run.name} ended as {run.state_name}: {message or 'see its logs'}")
    return _read_result(settings, str(run.id))


@mapped_prefect_errors()
def _wait(run: FlowRun, on_state: Callable[[str], None]) -> FlowRun:
    told = None
    doubtful_at = time.monotonic() + _PATIENCE_SECONDS
    with get_client(sync_client=True) as client:
        while run.state is None or not run.state.is_final():
            if run.state_name != told:
                told = run.state_name
                on_state(f"{run.name}: {told}")
            waits = run.state is None or run.state.is_scheduled()
            if waits and time.monotonic() > doubtful_at:
                doubtful_at = math.inf
                on_state("No worker has taken it yet: is one running on the pool?")
            time.sleep(_POLL_SECONDS)
            run = client.read_flow_run(run.id)
    return run


@mapped_mlflow_errors()
def _read_result(settings: TrainSettings, flow_run_id: str) -> TrainingResult:
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(settings.mlflow_experiment_name)
    run = find_run_of_flow(str(experiment.experiment_id), flow_run_id) if experiment else None
    if run is None:
        raise NotFoundError(
            f"The run succeeded, but {settings.tracking_uri} has no record of it: does the worker "
            "log to the same MLflow?"
        )
    version = Registry(settings.model_name).version_of_run(run.info.run_id)
    return TrainingResult(
        run_id=run.info.run_id,
        metrics=cast("dict[MetricName, float]", dict(run.data.metrics)),
        scorer_digest=run.data.tags[SCORER_DIGEST_TAG],
        model_version=version.version if version else None,
        decision=read_decision(version.tags) if version else None,
        challenger=version is not None and CHALLENGER in version.aliases,
    )
