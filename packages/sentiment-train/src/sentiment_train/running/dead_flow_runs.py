"""Ends the flow runs that killed trainings have left behind as running."""

import logging
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Crashed

from sentiment_train.liveness import LivingProcess

logger = logging.getLogger(__name__)

_PREFIX: Final = "process:"


def end_dead_flow_runs(client: SyncPrefectClient, process: LivingProcess) -> list[str]:
    """Mark flow runs of the dead as crashed; return their names."""
    running = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
    )
    ended = []
    for run in client.read_flow_runs(flow_run_filter=running):
        tokens = [tag.removeprefix(_PREFIX) for tag in run.tags if tag.startswith(_PREFIX)]
        started = run.start_time or datetime.now(UTC)
        # Runs of others, which carry no token, are not ours to end.
        reason = process.why_dead(tokens[0], started) if tokens else None
        if reason:
            client.set_flow_run_state(run.id, Crashed(message=f"Ended: {reason}."), force=True)
            ended.append(run.name)
    return ended


def mark_flow_run(process: LivingProcess) -> None:
    """Mark the flow run in which this is called as that of a process, and end those of the dead.

    It is not worth a failed training: what Prefect does not answer is left to the next one.
    """
    with get_client(sync_client=True) as client:
        try:
            tags = client.read_flow_run(UUID(flow_run.id)).tags
            client.update_flow_run(UUID(flow_run.id), tags={*tags, _PREFIX + process.token})
            ended = end_dead_flow_runs(client, process)
        except (httpx.HTTPError, PrefectException) as error:
            logger.debug("Prefect's runs of dead trainings are not ended: %s", error)
            return
    for name in ended:
        logger.info("The flow run %s was left behind by a killed training: it is ended", name)
