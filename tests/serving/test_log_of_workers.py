"""The prediction log of real workers: SIGTERM, SIGKILL, labels that collide."""

import multiprocessing

import pytest

from tests.support.feedback_collisions import count_accepted
from tests.support.log_processes import LoggingApi, check_sigkills, check_sigterm, closing

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(180)]


def test_sigterm_loses_nothing_of_what_was_just_answered(tmp_path):
    api = LoggingApi(tmp_path, PREDICTION_LOG_INTERVAL="60")
    with closing(api.process):
        api.start()
        stored, words = check_sigterm(api, api.file_contents, 2000)
        assert (stored, words["written"], words["lost"]) == (2000, 2000, 0)


def test_sigterm_counts_what_there_is_no_time_for(tmp_path):
    api = LoggingApi(tmp_path, PREDICTION_LOG_INTERVAL="60", PREDICTION_LOG_TIMEOUT="0")
    with closing(api.process):
        api.start()
        stored, words = check_sigterm(api, api.file_contents, 500)
        assert words["lost"] > 0
        assert words["written"] + words["lost"] == 500
        assert stored == words["written"]


def test_a_killed_worker_takes_only_its_last_moments_with_it(tmp_path):
    api = LoggingApi(tmp_path)
    with closing(api.process):
        api.start()
        check_sigkills(api, kills=1, seed=1)


def test_of_labels_that_collide_one_is_taken(tmp_path):
    assert count_accepted(tmp_path, multiprocessing.get_context("spawn"), 100) == [1] * 100
