"""What a run and a version keep about a training, and how it is read again."""

import inspect
from dataclasses import asdict
from pathlib import Path

import pytest

from sentiment_core.params import Params, parse_params
from sentiment_train.flows.training import train_sentiment_model
from sentiment_train.registry.promotion import read_decision
from sentiment_train.registry.run_log import (
    COMMIT_TAG,
    code_tags,
    params_as_text,
    params_of_run,
)
from sentiment_train.request import TrainingRequest
from sentiment_train.results import Decision


@pytest.mark.parametrize("path", ["data/reviews.csv", "7", "true", "null"])
def test_parameters_come_back_as_they_were_logged(params, path):
    data = params.data.model_copy(update={"path": path, "samples": None})
    params = params.model_copy(update={"data": data})
    assert parse_params(params_of_run(params_as_text(params))) == params


def test_parameters_of_older_runs_stay_readable(params):
    older = {name: str(value) for name, value in params.flat().items()}
    assert parse_params(params_of_run(older)) == params


def test_parameters_that_this_code_does_not_know_come_back_as_they_were():
    logged = {"model.C": "3.0", "model.gone": "true", "later.name": "text", "later.list": "[1]"}
    assert params_of_run(logged) == {
        "model": {"C": 3.0, "gone": True}, "later": {"name": "text", "list": [1]},
    }  # fmt: skip


def test_the_commit_is_that_of_the_repository_else_that_of_the_image(settings, monkeypatch):
    assert code_tags(settings) == {}
    of_image = settings.model_copy(update={"revision": "of-the-image"})
    assert code_tags(of_image) == {COMMIT_TAG: "of-the-image"}
    monkeypatch.chdir(Path(__file__).parent)
    assert len(code_tags(of_image)[COMMIT_TAG]) == 40


def test_a_decision_comes_back_from_its_tags():
    decision = Decision(
        "not-promoted", "it is worse", "f1", 0.5, "3", 0.75, 0.25, 400, "slowdown: 1.0"
    )
    tags = {f"promotion.{name}": str(value) for name, value in asdict(decision).items()}
    tags |= {"promotion.decided_at": "2026-01-01", "promotion.claimed_at": "x", "other": "y"}
    assert read_decision(tags) == decision
    first = Decision("promoted", "there was no champion", "f1", 0.5)
    tags = {f"promotion.{name}": str(v) for name, v in asdict(first).items() if v is not None}
    assert read_decision(tags) == first
    assert read_decision({"promotion.claimed_at": "x"}) is None
    for older in ("superseded", "kept"):  # up to 0.1.0
        tags = {"promotion.verdict": older, "promotion.reason": "x", "promotion.metric": "f1"}
        assert read_decision(tags).verdict == "not-promoted"


def test_a_request_holds_just_the_parameters_of_the_flow(params):
    request = TrainingRequest(params=params)
    flow = inspect.signature(train_sentiment_model.fn).parameters
    assert set(request.flow_parameters()) == set(flow)
    for name in ("register_model", "promote", "mark_challenger", "data_path", "curves_folder"):
        assert getattr(request, name) == flow[name].default
    assert Params.model_validate(request.flow_parameters()["params"]) == params
