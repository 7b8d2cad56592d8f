"""Training on the full stack: PostgreSQL, S3, MLflow and Prefect servers, a worker."""

import contextlib
import json
import shutil

import mlflow
import pytest
import yaml
from playwright.sync_api import expect

from sentiment_cli.stack.database import connect
from sentiment_core.champion_pointer import ChampionPointer
from sentiment_core.s3_store import s3_client
from sentiment_core.store_settings import StoreSettings
from sentiment_train.registry.authority import HISTORY_TAG
from sentiment_train.registry.versions import Registry
from tests.browser import chromium_page
from tests.support import eventually
from tests.support.stack import api

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


@pytest.fixture
def store(stack, monkeypatch):
    for name, value in stack.client_environment.items():
        monkeypatch.setenv(name, value)
    client = s3_client(StoreSettings())
    yield client
    client.close()


def keys(store, bucket, prefix=""):
    return [item["Key"] for item in store.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]


def test_a_training_leaves_everything_where_it_belongs(stack, store, model_name):
    result = stack.cli(
        "train", "--champion", "--data-path", "reviews.csv", "--json", MODEL_NAME=model_name
    )
    assert result["decision"]["verdict"] == "promoted"
    artifacts = keys(store, "mlflow-artifacts")
    assert any(key.endswith("data/package/scorer.bin") for key in artifacts)
    assert any(f"{result['run_id']}/artifacts/figures/roc.png" in key for key in artifacts)

    with contextlib.closing(connect(stack.settings, "mlflow", "mlflow")) as database:
        cursor = database.cursor()
        cursor.execute(
            "SELECT alias, version FROM registered_model_aliases WHERE name = %s", [model_name]
        )
        assert cursor.fetchall() == [("champion", int(result["model_version"]))]
        cursor.execute(
            "SELECT value FROM metrics WHERE run_uuid = %s AND key = 'f1'", [result["run_id"]]
        )
        assert cursor.fetchone() == (pytest.approx(result["metrics"]["f1"]),)

    exported = keys(store, "models", f"{model_name}/")
    names = ("MODEL_CARD.md", "manifest.json", "scorer.bin")
    assert set(exported) >= {f"{model_name}/1/{name}" for name in names}
    body = store.get_object(Bucket="models", Key=f"{model_name}/champion.json")["Body"].read()
    assert ChampionPointer.from_json(body).scorer_sha256 == result["scorer_digest"]
    doctor = stack.cli("doctor", "--json", MODEL_NAME=model_name)
    assert {check["status"] for check in doctor} <= {"ok", "note"}


def test_rolling_back_exports_the_former_champion_again(stack, store, model_name):
    weak = write_params(stack, "weak", vectorizer={"max_features": 20})
    for params in (weak, "params.yaml"):
        stack.cli(
            "train", "--champion", "--data-path", "reviews.csv", "--params", params,
            MODEL_NAME=model_name,
        )  # fmt: skip

    def exported():
        body = store.get_object(Bucket="models", Key=f"{model_name}/champion.json")["Body"].read()
        return json.loads(body)["version"]

    assert exported() == "2"
    with api(stack, model_name, MODEL_RELOAD_INTERVAL="0") as client:
        with chromium_page(1280, 900) as page:
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto(f"{client.base_url}/#model")
            page.get_by_role("button", name="Roll back").click(timeout=60_000)
            expect(page.locator("#reload-state")).to_have_text(
                "Version 1 is the champion again, and no longer 2.", timeout=120_000
            )
            expect(page.locator("#champion .verdict")).to_have_text("Version 1")
        assert exported() == "1"
        # A second click that comes late goes back no further.
        late = client.post("/admin/rollback", json={"champion": "2"})
        assert (late.status_code, late.json()["code"]) == (409, "conflict")
        assert "is version 1, not 2" in late.json()["detail"]
    stack.cli("rollback", exit_code=1, MODEL_NAME=model_name)


def test_a_worker_trains_and_prefect_shows_how(stack):
    shutil.copy(stack.root / "reviews.csv", stack.root / "on-the-worker.csv")
    versions = stack.cli("list-versions", "--json")
    if any("champion" in info["aliases"] for info in versions):
        stack.cli("delete-alias", "--alias", "champion")
    text = stack.cli("train", "--champion", "--remote", "--data-path", "on-the-worker.csv")
    assert "Training completed!" in text
    assert "Status: Set as champion" in text
    assert ": Running" in text
    run_id = stack.last_training()["id"]
    tasks = eventually(lambda: all_tasks(stack, run_id))
    assert [name.rsplit("-", 1)[0] for name in tasks] == TASKS
    logs = stack.api_post(
        "/logs/filter", logs={"flow_run_id": {"any_": [run_id]}, "level": {"ge_": 20}}
    )
    messages = "\n".join(entry["message"] for entry in logs)
    assert "Finished in state Completed" in messages
    assert "held-out reviews: accuracy" in messages
    assert ": promoted (there was no champion)" in messages

    failed = stack.cli("train", "--remote", "--data-path", "nowhere.csv", exit_code=1)
    assert "ended as Failed" in failed
    assert "Traceback" not in failed


TASKS = [
    "load-data", "split-data", "train-model", "evaluate-model", "show-metrics", "refit-model",
    "log-mlflow", "register-model", "promote-champion", "export-champion",
]  # fmt: skip


def all_tasks(stack, flow_run_id):
    runs = stack.api_post("/task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}})
    done = [run for run in runs if run["state_type"] == "COMPLETED"]
    return [run["name"] for run in sorted(done, key=lambda run: run["start_time"])] * (
        len(done) == len(TASKS)
    )


def test_the_schedule_is_there_and_switched_off(stack):
    deployment = stack.api("/deployments/name/sentiment-training/default")
    (schedule,) = deployment["schedules"]
    assert schedule["schedule"]["cron"] == "0 3 * * 1"
    assert schedule["active"] is False
    assert "promote" in deployment["parameter_openapi_schema"]["properties"]


def test_the_registry_is_cleaned_every_night(stack):
    deployment = stack.api("/deployments/name/sentiment-retention/default")
    assert [schedule["active"] for schedule in deployment["schedules"]] == [True]
    run = stack.api_post(f"/deployments/{deployment['id']}/create_flow_run")
    ended = eventually(lambda: ended_state(stack, run["id"]), 120)
    assert ended["type"] == "COMPLETED", ended["message"]


def ended_state(stack, flow_run_id):
    state = stack.api(f"/flow_runs/{flow_run_id}")["state"]
    return state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} and state


def test_promotions_at_once_leave_one_champion_and_no_lease(stack, trained_model, model_name):
    """Processes that share the tracking server alone; `tests/chaos/test_promotion.py` has more."""
    mlflow.set_tracking_uri(stack.client_environment["MLFLOW_TRACKING_URI"])
    try:
        registry = Registry(model_name)
        version = registry.register(trained_model)
        commands = [
            stack.popen("set-alias", "--version", version, "--alias", alias, MODEL_NAME=model_name)
            for alias in ("champion", "challenger", "champion", "trial")
        ]
        outputs = [command.communicate(timeout=120) for command in commands]
        assert [command.returncode for command in commands] == [0] * 4, outputs
        assert registry.champion() == version
        assert registry.aliases()["trial"] == version
        model = mlflow.MlflowClient().get_registered_model(model_name)
        assert model.tags == {HISTORY_TAG: json.dumps([version])}
    finally:
        mlflow.set_tracking_uri(None)


def write_params(stack, name, **changes):
    params = yaml.safe_load((stack.root / "params.yaml").read_text())
    for section, values in changes.items():
        params[section] |= values
    path = stack.root / f"{name}.yaml"
    path.write_text(yaml.safe_dump(params))
    return path.name
