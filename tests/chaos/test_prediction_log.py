"""The long form of what is promised of the prediction log; `tests/serving` has the short one."""

import multiprocessing
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support import eventually
from tests.support.feedback_collisions import count_accepted
from tests.support.log_machine import FolderLogMachine, LogMachine
from tests.support.log_processes import (
    Bucket,
    Load,
    LoggingApi,
    check_sigkills,
    check_sigterm,
    closing,
    killing,
    recorded,
)
from tests.support.stack import make_settings

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(900)]

URI = "s3://data/log"


def test_24_sigkills_under_load(tmp_path):
    api = LoggingApi(tmp_path)
    with closing(api.process):
        api.start()
        answered, missing = check_sigkills(api, kills=24, seed=int(time.time()))
    print(f"24 workers killed: {answered} answered, {missing} lost in their last moments")


def test_sigterm_with_9000_long_texts_waiting(tmp_path):
    api = LoggingApi(tmp_path, PREDICTION_LOG_INTERVAL="60")
    with closing(api.process):
        api.start()
        stored, words = check_sigterm(api, api.file_contents, 9000)
    assert stored == words["written"]
    assert words["written"] + words["lost"] == 9000
    print(f"SIGTERM with 9000 texts: {stored} stored, {words['lost']} counted as lost")


def test_a_store_that_is_killed_again_and_again_under_load(tmp_path):
    bucket = Bucket(tmp_path, make_settings(tmp_path / "stack"))
    options = {"PREDICTION_LOG": "s3", "PREDICTION_LOG_PATH": URI}
    api = LoggingApi(tmp_path, **bucket.variables, **options)
    with killing(bucket.process), closing(api.process):
        bucket.process.start()
        bucket.create("data")
        api.start()
        with Load(api.url) as load:
            for _ in range(6):
                time.sleep(2)
                bucket.process.kill()
                time.sleep(2)
                bucket.process.start()
        eventually(lambda: api.metric("sentiment_prediction_log_waiting") == 0)
        eventually(lambda: api.metric("sentiment_prediction_log_spooled") == 0, 90)
        stored = recorded(bucket.contents(URI))
    assert sorted(stored) == sorted(load.answered)
    print(f"6 store kills: {len(stored)} stored, 0 lost, 0 twice")


def test_where_nothing_can_be_written_requests_are_answered_and_records_counted(tmp_path):
    (tmp_path / "log").write_text("a file where the folder should be")
    api = LoggingApi(tmp_path, PREDICTION_LOG_TIMEOUT="0.2")
    with closing(api.process):
        api.start()
        stored, words = check_sigterm(api, list, 500)
        assert (stored, words["written"], words["lost"]) == (0, 0, 500)


def test_3000_labels_that_collide(tmp_path):
    assert count_accepted(tmp_path, multiprocessing.get_context("spawn"), 3000) == [1] * 3000


@pytest.mark.parametrize("machine", [LogMachine, FolderLogMachine])
def test_every_record_is_accounted_for(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150, stateful_step_count=50, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
