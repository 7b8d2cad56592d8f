"""The search for parameters: it begins with what is there, goes on, and survives what dies."""

import multiprocessing
import os
import threading

import numpy as np
import pandas as pd
import pytest

from sentiment_core.errors import DataError, ParamsError, RunError
from sentiment_core.params import parse_params
from sentiment_train.cluster import connect
from sentiment_train.data.dataset import load_dataset
from sentiment_train.model.cross_validation import CrossValidation
from sentiment_train.model.tuning import Search
from tests.support.dask_cluster import dask_cluster


def with_ranges(params, **ranges):
    values = params.model_dump(mode="json")
    values["tune"] = {"folds": 2, "ranges": ranges}
    return parse_params(values)


@pytest.fixture(scope="module")
def rows(reviews_file):
    return load_dataset(reviews_file).head(200)


@pytest.fixture
def small(params):
    return with_ranges(
        params,
        **{
            "model.C": {"low": 0.01, "high": 50, "log": True},
            "vectorizer.min_df": {"choices": [3, 100_000]},
        },
    )


@pytest.fixture
def search(tmp_path, rows, small):
    return lambda name="a": Search(tmp_path / "tuning" / "journal.log", name, rows, small)


@pytest.mark.slow
def test_a_search_begins_with_the_parameters_that_are_there_and_goes_on(search, small):
    first = search()
    assert first.start() is first.best() is None
    trials = list(first.run(4, 2))
    assert len(trials) == first.n_finished >= 4
    start, best = first.start(), first.best()
    assert start.values == {"model.C": small.model.C, "vectorizer.min_df": 3}
    assert best.log_loss <= start.log_loss
    assert min(trial.log_loss for trial in trials if trial.log_loss) == best.log_loss
    for trial in trials:
        if trial.values["vectorizer.min_df"] == 100_000:
            assert trial.log_loss is None

    again = search()  # another process, later
    assert (again.start(), again.best()) == (start, best)
    assert list(again.run(4, 2)) == []
    assert len(list(again.run(again.n_finished + 1, 1))) == 1
    assert search("another").n_finished == 0


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_search_and_loses_no_trial(search):
    trials = search().run(1000, 1)
    next(trials)
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(RunError, match="it goes on"):
        list(trials)
    finished = search().n_finished
    assert finished >= 1
    assert len(list(search().run(finished + 1, 1))) == 1


@pytest.mark.slow
def test_who_stops_listening_stops_the_processes(search):
    trials = search().run(1000, 1)
    next(trials)
    trials.close()
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_cluster_finds_what_processes_do_though_a_worker_dies(search, tmp_path):
    with (
        dask_cluster(tmp_path, dict(os.environ)) as started,
        connect(started.address) as cluster,
    ):
        before = threading.active_count()
        trials = search("far").run_on(cluster, 4)
        first = next(trials)
        started.kill_worker()
        found = [first, *trials]
        assert len(found) == search("far").n_finished >= 4
        assert list(search("far").run_on(cluster, 4)) == []
        left = search("left").run_on(cluster, 1000)
        next(left)
        left.close()
        assert search("left").n_finished < 1000
        assert threading.active_count() <= before
    list(search("near").run(1, 1))
    near, far = search("near").start(), search("far").start()
    assert far.values == near.values
    assert far.log_loss == pytest.approx(near.log_loss, rel=1e-9)


def test_a_search_needs_two_reviews_of_each_class(search, tmp_path, small):
    few = pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 0, 1]})
    with pytest.raises(DataError, match="two of each class"):
        Search(tmp_path / "journal.log", "a", few, small)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"model.D": {"low": 1, "high": 2}}, "no such parameter"),
        ({"data.seed": {"low": 1, "high": 2}}, "no such parameter"),
        ({"model.C": {"low": 2, "high": 1}}, "low is less than high"),
        ({"model.C": {"low": 0, "high": 1, "log": True}}, "more than 0 where log"),
        ({"model.C": {"choices": []}}, "choices"),
        ({}, "tune.ranges"),
    ],
)
def test_a_range_that_cannot_be_searched_is_named(params, ranges, message):
    with pytest.raises(ParamsError, match=message):
        with_ranges(params, **ranges)


def test_the_folds_are_the_same_for_all_parameters_and_cost_as_much_the_second_time(rows, params):
    validation = CrossValidation(rows["text"].tolist(), rows["label"].to_numpy(), 3)
    first = list(validation.losses(params))
    weaker = list(validation.losses(params.with_values({"model.C": 1e-4})))
    assert list(validation.losses(params)) == first
    assert len(first) == 3
    assert np.mean(first) < np.mean(weaker) < np.log(2) + 0.01
