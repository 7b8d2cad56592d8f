"""Runs of trainings that were killed, of trainings that live, and of other machines."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import mlflow
import pytest
from prefect.client.orchestration import get_client
from prefect.states import Running

from sentiment_train.flows.training import train_sentiment_model
from sentiment_train.liveness import living_process
from sentiment_train.registry.dead_runs import (
    END_REASON_TAG,
    PROCESS_TAG,
    end_dead_mlflow_runs,
)
from sentiment_train.running.dead_flow_runs import end_dead_flow_runs

NOW = datetime.now(UTC)
LIVE_UNTIL_TOLD = """
import sys
from pathlib import Path
from sentiment_train.liveness import living_process
with living_process(Path(sys.argv[1])) as process:
    print(process.token, flush=True)
    sys.stdin.read()
"""


class Other:
    """Another process of the same home."""

    def __init__(self, home):
        self.popen = subprocess.Popen(
            [sys.executable, "-c", LIVE_UNTIL_TOLD, home],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.token = self.popen.stdout.readline().strip()

    def kill(self):
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def others(tmp_path):
    """A process that lives, and one that was killed."""
    living, killed = Other(tmp_path), Other(tmp_path)
    killed.kill()
    yield living, killed
    living.kill()


def test_only_what_is_known_to_be_dead_is_dead(others, tmp_path):
    living, killed = others
    with living_process(tmp_path) as process:
        assert process.why_dead(living.token, NOW - timedelta(days=9)) is None
        assert process.why_dead(process.token, NOW - timedelta(days=9)) is None
        for _ in ("MLflow", "Prefect", "another training at the same time"):
            assert process.why_dead(killed.token, NOW) == "its process was killed"
        for elsewhere in (None, "elsewhere"):
            assert process.why_dead(elsewhere, NOW - timedelta(days=6)) is None
            assert "more than 7 days" in process.why_dead(elsewhere, NOW - timedelta(days=8))
        assert len(list((tmp_path / "running").iterdir())) == 3
    living.popen.communicate()
    (of_the_killed,) = (tmp_path / "running").iterdir()
    for days, kept in ((6, True), (8, False)):
        long_ago = (NOW - timedelta(days=days)).timestamp()
        os.utime(of_the_killed, (long_ago, long_ago))
        with living_process(tmp_path):
            assert of_the_killed.exists() is kept


def test_mlflow_runs_of_the_dead_are_killed(settings, others, tmp_path):
    living, killed = others
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("runs")
    runs = {
        token: client.create_run(experiment, tags={PROCESS_TAG: token}).info.run_id
        for token in (living.token, killed.token, "elsewhere")
    }
    with living_process(tmp_path) as process:
        assert end_dead_mlflow_runs(experiment, process) == [runs[killed.token]]
        assert end_dead_mlflow_runs(experiment, process) == []
    ended = client.get_run(runs[killed.token])
    assert ended.info.status == "KILLED"
    assert ended.data.tags[END_REASON_TAG] == "its process was killed"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Prefect's own making
def test_flow_runs_of_the_dead_have_crashed(prefect_server, settings, others, tmp_path):
    living, killed = others
    with get_client(sync_client=True) as client:
        runs = {
            token: client.create_flow_run(train_sentiment_model, tags=[tag], state=Running()).id
            for token, tag in (
                (living.token, f"process:{living.token}"),
                (killed.token, f"process:{killed.token}"),
                ("somebody", "else"),
            )
        }
        with living_process(tmp_path) as process:
            assert len(end_dead_flow_runs(client, process)) == 1
            assert end_dead_flow_runs(client, process) == []
        states = {token: client.read_flow_run(run).state.type for token, run in runs.items()}
    assert states == {living.token: "RUNNING", killed.token: "CRASHED", "somebody": "RUNNING"}
