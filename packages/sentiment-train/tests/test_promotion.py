"""Races of promotions and experiments, on a real MLflow database."""

import mlflow
import pandas as pd
import pytest

from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.registry import promotion
from sentiment_train.registry.comparison import HeldOutComparison
from sentiment_train.registry.run_log import ensure_experiment
from sentiment_train.registry.versions import Registry

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

TEST = pd.DataFrame({"text": ["good"] * 40 + ["bad"] * 40, "label": [1] * 40 + [0] * 40})


def compare(registry, scorer, known=None):
    fingerprints = text_fingerprints(TEST["text"])
    return HeldOutComparison(registry, scorer, TEST, fingerprints, "log_loss", known)


def test_settling_gives_up_where_the_champion_never_rests(two_versions, monkeypatch, caplog):
    make_champion, rounds = Registry.make_champion, []

    def stubborn(registry, version):
        rounds.append(version)
        make_champion(registry, version)
        make_champion(registry, "1")

    monkeypatch.setattr(Registry, "make_champion", stubborn)
    comparison = compare(two_versions, two_versions.load("2").scorer)
    decision = promotion.promote(two_versions, "2", comparison)
    assert len(rounds) > 2
    assert set(rounds) == {"2"}
    assert two_versions.champion() == "1"
    assert (decision.verdict, decision.champion_version) == ("superseded", "1")
    assert "keep replacing each other" in caplog.text


def test_a_model_that_was_scored_is_not_scored_again(two_versions, monkeypatch):
    scorer = two_versions.load("2").scorer
    probabilities = scorer.predict_proba(TEST["text"].tolist())[:, 1]
    known = HeldOutScores(scorer.digest, TEST["label"].to_numpy(), probabilities)

    def refuse(*_):
        raise AssertionError("scored again")

    with monkeypatch.context() as patch:
        patch.setattr(type(scorer), "predict_proba", refuse)
        comparison = compare(two_versions, scorer, known)
        assert comparison.candidate_score() == known.evaluation.log_loss
    assert comparison.compare("1").rival_score > known.evaluation.log_loss


def test_an_experiment_that_another_run_makes_meanwhile_is_used(settings, monkeypatch):
    find, made = mlflow.MlflowClient.get_experiment_by_name, []

    def slow(client, name):
        found = find(client, name)
        if found is None:
            made.append(client.create_experiment(name))
        return found

    monkeypatch.setattr(mlflow.MlflowClient, "get_experiment_by_name", slow)
    assert [ensure_experiment(settings), ensure_experiment(settings)] == made * 2
