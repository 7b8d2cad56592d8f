"""Ends the MLflow runs that killed trainings have left behind as running."""

from datetime import UTC, datetime
from typing import Final

import mlflow
from mlflow.entities import RunStatus

from sentiment_train.liveness import LivingProcess

PROCESS_TAG: Final = "sentiment.process"
END_REASON_TAG: Final = "sentiment.ended_because"


def end_dead_mlflow_runs(experiment_id: str, process: LivingProcess) -> list[str]:
    """Mark runs of the dead as killed, with a tag that says why; return their ids."""
    client = mlflow.MlflowClient()
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'")
    ended = []
    for run in running:
        started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
        reason = process.why_dead(run.data.tags.get(PROCESS_TAG), started)
        if reason:
            client.set_tag(run.info.run_id, END_REASON_TAG, reason)
            client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))
            ended.append(run.info.run_id)
    return ended
