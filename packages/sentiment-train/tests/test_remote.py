"""Runs of a deployment on a real Prefect server; the test itself is the worker."""

from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import Cancelled

from sentiment_core.errors import NotFoundError, RunError
from sentiment_train.flows.training import train_sentiment_model
from sentiment_train.registry.versions import Registry
from sentiment_train.request import TrainingRequest
from sentiment_train.running.remote import run_remotely

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.filterwarnings("default"),  # of Prefect's and MLflow's own making
]


@pytest.fixture
def deployment():
    identity = train_sentiment_model.to_deployment(name="default").apply()
    yield
    with get_client(sync_client=True) as client:
        client.delete_deployment(identity)


def work(flow_run_id):
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(flow_run_id))
    run_flow(train_sentiment_model, flow_run=flow_run, parameters=flow_run.parameters)


def cancel(flow_run_id):
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(flow_run_id), Cancelled(message="by hand"), force=True)


@pytest.mark.slow
def test_the_outcome_is_read_from_mlflow(settings, params, reviews_file, deployment):
    request = TrainingRequest(params=params, data_path=reviews_file, promote=True)
    result = run_remotely(settings, request, on_start=work)
    registry = Registry(settings.model_name)
    assert registry.champion() == result.model_version
    assert result.decision.promoted
    assert result.scorer_digest == registry.load(result.model_version).scorer.digest
    assert not result.challenger


def test_a_run_that_fails_is_a_plain_error(settings, params, deployment):
    with pytest.raises(RunError, match="Cancelled: by hand"):
        run_remotely(settings, TrainingRequest(params=params), on_start=cancel)


def test_without_a_deployment_the_command_that_makes_it_is_named(settings, params):
    with pytest.raises(NotFoundError, match="prefect --no-prompt deploy --all"):
        run_remotely(settings, TrainingRequest(params=params))
