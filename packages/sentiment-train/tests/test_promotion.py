"""Promotions, rollbacks and alias moves, on a real MLflow database."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from sentiment_core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    NotReadyError,
    UnreachableError,
)
from sentiment_core.model_package import MANIFEST_FILE, SCORER_FILE
from sentiment_core.registry_names import CHALLENGER, CHAMPION, PREVIOUS
from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.registry.authority import HISTORY_TAG
from sentiment_train.registry.comparison import HeldOutComparison
from sentiment_train.registry.judged_model import TRAINING_ROWS_FILE
from sentiment_train.registry.lease import LEASE_TAG
from sentiment_train.registry.promotion import promote
from sentiment_train.registry.rollback import Rollback
from sentiment_train.registry.run_log import ensure_experiment
from sentiment_train.registry.versions import Registry
from tests.support.promotion_rules import make_guardrails, make_rule

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

TEST = pd.DataFrame({"text": ["good"] * 40 + ["bad"] * 40, "label": [1] * 40 + [0] * 40})
RULE = make_rule(metric="log_loss", alpha=0.05, min_rows=40)


def compare(registry, scorer, known=None):
    fingerprints = text_fingerprints(TEST["text"])
    return HeldOutComparison(registry, scorer, TEST, fingerprints, RULE, known)


def judge(registry, version):
    return compare(registry, registry.load(version).scorer)


def tags(registry):
    return mlflow.MlflowClient().get_registered_model(registry.name).tags


def history(registry):
    return json.loads(tags(registry)[HISTORY_TAG])


def files_of(registry, version):
    """The folder in which the store keeps the package of a version."""
    source = mlflow.MlflowClient().get_model_version(registry.name, version).source
    (folder,) = Path.cwd().rglob(f"{source.rpartition('/')[2]}/artifacts/data/package")
    return folder


def test_promotions_at_once_leave_the_best_and_no_lease(two_versions):
    """Each with a client of its own, as in processes."""
    judges = {version: judge(two_versions, version) for version in ("1", "2")}

    def run(version):
        return promote(Registry(two_versions.name), version, judges[version])

    with ThreadPoolExecutor(4) as pool:
        decisions = list(pool.map(run, ["1", "2"] * 4))
    assert two_versions.champion() == "2"
    assert {decision.verdict for decision in decisions[1::2]} == {"promoted"}
    assert not [tag for tag in tags(two_versions) if tag.startswith(LEASE_TAG)]
    assert history(two_versions) in (["2"], ["1", "2"])


def test_what_is_champion_already_is_promoted_and_what_is_not_better_is_kept(two_versions):
    first = promote(two_versions, "2", judge(two_versions, "2"))
    assert (first.verdict, first.reason) == ("promoted", "there was no champion")
    again = promote(two_versions, "2", judge(two_versions, "2"))
    assert (again.verdict, again.reason) == ("promoted", "it was the champion already")
    worse = promote(two_versions, "1", judge(two_versions, "1"))
    assert (worse.verdict, worse.champion_version) == ("not-promoted", "2")
    assert two_versions.aliases() == {CHAMPION: "2"}


def test_a_rollback_walks_back_and_never_forward(two_versions):
    for version in ("1", "2", "1"):
        two_versions.set_alias(CHAMPION, version)
    assert history(two_versions) == ["1", "2", "1"]
    with pytest.raises(ConflictError, match="is version 1, not 2: nothing was changed"):
        two_versions.roll_back(only_from="2")
    assert two_versions.roll_back(only_from="1") == Rollback("1", "2", earlier=1)
    assert two_versions.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    assert two_versions.roll_back() == Rollback("2", "1", earlier=0)
    assert two_versions.aliases() == {CHAMPION: "1"}
    with pytest.raises(NotReadyError, match="no previous champion"):
        two_versions.roll_back()
    assert two_versions.champion() == "1"


def test_a_rollback_passes_over_what_is_damaged_but_not_over_what_cannot_be_read(
    two_versions, monkeypatch
):
    registry = two_versions
    for version in ("1", "2", "1"):
        registry.make_champion(version)
    scorer = files_of(registry, "2") / SCORER_FILE
    sound = scorer.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail_with(errno.EMFILE))
        with pytest.raises(UnreachableError, match="Too many open files"):
            registry.roll_back()
    assert registry.champion() == "1"
    scorer.write_bytes(sound[:-8])
    assert registry.roll_back() == Rollback("1", "1", earlier=0, passed_over=("2",))
    registry.make_champion("2")
    registry.make_champion("1")
    (files_of(registry, "1") / SCORER_FILE).unlink()
    with pytest.raises(NotReadyError, match="Version 1 cannot serve"):
        registry.roll_back()
    assert registry.champion() == "1"


def test_without_a_champion_a_rollback_brings_the_last_one_back(two_versions):
    two_versions.make_champion("1")
    two_versions.make_champion("2")
    two_versions.delete_alias(CHAMPION)
    assert two_versions.aliases() == {PREVIOUS: "2"}
    assert two_versions.roll_back() == Rollback(None, "2", earlier=1)
    assert two_versions.aliases() == {CHAMPION: "2", PREVIOUS: "1"}


@pytest.mark.parametrize("writes", range(5))
def test_a_crash_between_any_two_writes_is_repaired_by_the_next_command(
    two_versions, monkeypatch, writes
):
    two_versions.make_champion("1")
    two_versions.make_challenger("2")
    left = [None] * writes

    def dying(real):
        def call(client, *arguments):
            if not str(arguments[1]).startswith(LEASE_TAG) and not left:
                raise KeyboardInterrupt
            if not str(arguments[1]).startswith(LEASE_TAG):
                left.pop()
            return real(client, *arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("set_registered_model_alias", "set_registered_model_tag",
                     "delete_registered_model_alias"):  # fmt: skip
            patch.setattr(mlflow.MlflowClient, name, dying(getattr(mlflow.MlflowClient, name)))
        try:
            two_versions.make_champion("2")
        except KeyboardInterrupt:
            assert writes < 4
    two_versions.set_alias("trial", "1")
    expected = {CHAMPION: "2", PREVIOUS: "1"} if writes else {CHAMPION: "1"}
    aliases = two_versions.aliases()
    assert {name: aliases.get(name) for name in expected} == expected
    assert (PREVIOUS in aliases) == bool(writes)
    assert history(two_versions) == (["1", "2"] if writes else ["1"])


def test_what_was_moved_by_hand_and_what_is_older_than_the_history_is_understood(two_versions):
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(two_versions.name, CHAMPION, "2")
    client.set_registered_model_alias(two_versions.name, PREVIOUS, "1")
    two_versions.make_challenger("1")
    assert history(two_versions) == ["1", "2"]
    client.set_registered_model_alias(two_versions.name, CHAMPION, "1")
    assert two_versions.roll_back() == Rollback("1", "2", earlier=1)
    client.set_registered_model_tag(two_versions.name, HISTORY_TAG, "{not JSON")
    two_versions.make_challenger("2")
    assert history(two_versions) == ["1", "2"]
    client.delete_model_version(two_versions.name, "1")
    two_versions.make_challenger("2")
    assert history(two_versions) == ["2"]
    assert two_versions.aliases() == {CHAMPION: "2", CHALLENGER: "2"}


def test_a_challenger_that_another_run_marked_meanwhile_stays(two_versions):
    assert two_versions.make_challenger("1") is None
    two_versions.make_champion("2")
    assert two_versions.aliases()[CHALLENGER] == "1"
    assert two_versions.make_challenger("2") == "1"
    two_versions.make_champion("2")
    assert CHALLENGER not in two_versions.aliases()


def test_previous_is_no_alias_to_move(two_versions):
    for move in (lambda: two_versions.set_alias(PREVIOUS, "1"),
                 lambda: two_versions.delete_alias(PREVIOUS)):  # fmt: skip
        with pytest.raises(InputError, match="sentiment-cli rollback"):
            move()
    with pytest.raises(NotFoundError, match="no version 9"):
        two_versions.make_challenger("9")


def fail_with(number):
    def fail(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    return fail


def raise_error(error):
    def fail(*_arguments, **_options):
        raise error

    return fail


def truncated(folder):
    (folder / SCORER_FILE).write_bytes((folder / SCORER_FILE).read_bytes()[:-8])


def wrong_digest(folder):
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest | {"scorer_sha256": "0" * 64}))


PROVEN = {
    "truncated": truncated,
    "wrong digest": wrong_digest,
    "no manifest": lambda folder: (folder / MANIFEST_FILE).unlink(),
    "no scorer": lambda folder: (folder / SCORER_FILE).unlink(),
    "no folder": shutil.rmtree,
    "no model": lambda folder: shutil.rmtree(folder.parents[2]),
}
DOWNLOAD = (mlflow.artifacts, "download_artifacts")
READ = (Path, "read_bytes")
NOT_PROVEN = {
    "download EMFILE": (*DOWNLOAD, fail_with(errno.EMFILE)),
    "download EIO": (*DOWNLOAD, fail_with(errno.EIO)),
    "no space": (*DOWNLOAD, fail_with(errno.ENOSPC)),
    "time-out": (*DOWNLOAD, raise_error(MlflowException("failed with timeout exception"))),
    "500": (*DOWNLOAD, raise_error(MlflowException("500 Server Error"))),
    "a copy fails": (shutil, "copy2", fail_with(errno.EMFILE)),
    "read EMFILE": (*READ, fail_with(errno.EMFILE)),
    "read EIO": (*READ, fail_with(errno.EIO)),
    "404 of a file that is there": (*DOWNLOAD, fail_with(errno.ENOENT)),
}


@pytest.mark.parametrize("spoil", PROVEN.values(), ids=PROVEN)
def test_a_champion_that_is_proven_bad_is_passed_over(two_versions, spoil):
    two_versions.make_champion("2")
    candidate = judge(two_versions, "1")
    spoil(files_of(two_versions, "2"))
    decision = promote(two_versions, "1", candidate)
    assert decision.promoted
    assert "version 2 cannot be read" in decision.reason


@pytest.mark.parametrize("fault", NOT_PROVEN.values(), ids=NOT_PROVEN)
def test_a_champion_that_cannot_be_read_just_now_stays_and_is_worth_a_retry(
    two_versions, monkeypatch, fault
):
    """It is the better one."""
    two_versions.make_champion("2")
    candidate = judge(two_versions, "1")
    with monkeypatch.context() as patch:
        patch.setattr(*fault)
        with pytest.raises(UnreachableError):
            promote(two_versions, "1", candidate)
    assert two_versions.champion() == "2"
    assert promote(two_versions, "1", candidate).verdict == "not-promoted"


def test_training_rows_that_cannot_be_read_are_not_as_unknown_ones(two_versions, monkeypatch):
    two_versions.make_champion("2")
    candidate = judge(two_versions, "1")
    (files_of(two_versions, "2") / TRAINING_ROWS_FILE).write_bytes(b"senseless")
    assert "not known" in candidate.compare("2").reason
    again = judge(two_versions, "1")
    monkeypatch.setattr("numpy.load", fail_with(errno.EMFILE))
    with pytest.raises(UnreachableError):
        again.compare("2")


def test_too_few_rows_move_no_champion_and_it_is_said_how_many_are_missing(two_versions):
    """A handful of reviews with inverted labels must not dethrone a good champion."""
    two_versions.make_champion("1")
    rule = RULE.model_copy(update={"min_rows": 50})
    scorer = two_versions.load("2").scorer
    fingerprints = text_fingerprints(TEST["text"])
    few = HeldOutComparison(two_versions, scorer, TEST, fingerprints, rule)
    decision = promote(two_versions, "2", few)
    assert decision.verdict == "not-promoted"
    assert decision.reason == (
        "version 1 and this one have 80 held-out rows (its training rows are not known) in common; "
        "too few to tell them apart: 10 negative and 10 positive rows are missing for the 50 of "
        "each class that promotion.min_rows asks for"
    )
    assert two_versions.champion() == "1"


def test_rows_that_the_champion_was_trained_on_do_not_count(two_versions):
    two_versions.make_champion("1")
    np.save(files_of(two_versions, "1") / TRAINING_ROWS_FILE, text_fingerprints(TEST["text"])[:1])
    decision = promote(two_versions, "2", judge(two_versions, "2"))
    assert decision.verdict == "not-promoted"
    assert "40 positive rows are missing" in decision.reason
    assert decision.n_rows == 40


def test_a_gain_that_may_be_chance_does_not_count(two_versions):
    two_versions.make_champion("1")
    texts = pd.DataFrame({"text": ["good"] * 2 + ["bad"] * 2, "label": [1, 0, 0, 1]})
    rule = RULE.model_copy(update={"min_rows": 2, "metric": "roc_auc"})
    scorer = two_versions.load("2").scorer
    fingerprints = text_fingerprints(texts["text"])
    comparison = HeldOutComparison(two_versions, scorer, texts, fingerprints, rule).compare("1")
    assert comparison.n_rows == 4
    assert comparison.p_value > rule.alpha
    assert "so much may be chance" in comparison.objection
    clear = judge(two_versions, "2").compare("1")
    assert clear.p_value < rule.alpha
    assert clear.objection is None


def test_a_guardrail_keeps_a_better_model_from_serving_and_all_findings_stand_on_it(two_versions):
    two_versions.make_champion("1")
    limits = make_guardrails(megabytes=1e-6, slowdown=1000)
    rule = RULE.model_copy(update={"guardrails": limits})
    fingerprints = text_fingerprints(TEST["text"])
    scorer = two_versions.load("2").scorer
    tight = HeldOutComparison(two_versions, scorer, TEST, fingerprints, rule)
    decision = promote(two_versions, "2", tight)
    assert decision.verdict == "not-promoted"
    assert "; guardrail megabytes: 0.0 MB, 1e-06 allowed" in decision.reason
    assert "slowdown" not in decision.reason
    tags = two_versions.resolve("2").tags
    assert tags["promotion.guardrails"].startswith("megabytes: 0.0 MB, 1e-06 allowed; slowdown: ")
    promote(two_versions, "2", judge(two_versions, "2"))
    tags = two_versions.resolve("2").tags
    assert tags["promotion.verdict"] == "promoted"
    assert "promotion.guardrails" not in tags


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
