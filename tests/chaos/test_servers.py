"""Every server of the stack is killed, frozen, starved and cut off while all of it is in use."""

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from uuid import uuid4

import httpx
import mlflow
import pytest

from sentiment_cli.buckets import BUCKETS
from sentiment_cli.stack.health import check_part
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from tests.chaos.load import Operator, Predictions
from tests.chaos.report import Row
from tests.support import api_workers, eventually
from tests.support.stack import PROXIED, api, assert_champion_is_sound

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

FROZEN_SECONDS = 20
BROKEN_SECONDS = 5
FULL_SECONDS = 10
KILLS = 5
PAGE = 200
SEED = 13


@pytest.fixture(scope="module")
def model():
    return "under-fire"


@pytest.fixture(scope="module")
def served(stack, model):
    """An API of two workers, which follows the registry."""
    stack.cli("train", "--champion", "--data-path", "reviews.csv", MODEL_NAME=model)
    with api(stack, model, WORKERS="2") as client:
        eventually(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


@pytest.fixture(scope="module")
def impatient():
    """MLflow's client gives up at once, so that a failed write is seen as one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        yield


@pytest.fixture
def run_writer(stack, impatient, monkeypatch):
    """Writes parameters and artifacts of one run: through MLflow to PostgreSQL and the store."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.setenv(name, stack.client_environment[name])
    client = mlflow.MlflowClient(stack.client_environment["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("chaos")
    experiment_id = experiment.experiment_id if experiment else client.create_experiment("chaos")
    # A new one for each fault: a run with the parameters of all of them would be slow to read.
    run = client.create_run(experiment_id).info.run_id
    store_settings = StoreSettings(
        endpoint=stack.client_environment["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id=stack.settings.s3_access_key,
        aws_secret_access_key=stack.settings.s3_secret_key,
    )

    def write(number):
        client.log_text(run, str(number), f"{number}.txt")
        client.log_param(run, f"number-{number}", number)

    def find(numbers):
        found = client.get_run(run)
        place = found.info.artifact_uri.removeprefix("mlflow-artifacts:/")
        # From the store itself, past the server: that takes a fraction of the time.
        store = open_store(f"s3://{BUCKETS[0]}/{place}", store_settings)
        names = {info.key for info in store.list()}
        with ThreadPoolExecutor(8) as pool:
            texts = dict(zip(names, pool.map(store.get, names), strict=True))
        return {
            number
            for number in numbers
            if found.data.params.get(f"number-{number}") == str(number)
            and texts.get(f"{number}.txt") == str(number).encode()
        }

    return write, find


@pytest.fixture
def variable_writer(stack):
    """Writes variables of Prefect, with names of its own for each fault."""
    url = stack.client_environment["PREFECT_API_URL"] + "/variables"
    client = httpx.Client(timeout=10)
    prefix = f"chaos_{uuid4().hex}"

    def write(number):
        body = {"name": f"{prefix}_{number}", "value": number}
        client.post(f"{url}/", json=body).raise_for_status()
        time.sleep(0.05)

    def page_of(number):
        body = {"variables": {"name": {"like_": prefix}}, "limit": PAGE, "offset": number * PAGE}
        return client.post(f"{url}/filter", json=body).raise_for_status().json()

    def find(numbers):
        pages = map(
            page_of, range(len(numbers) // PAGE + 2)
        )  # some are not acknowledged, but there
        values = {variable["name"]: variable["value"] for page in pages for variable in page}
        return {number for number in numbers if values.get(f"{prefix}_{number}") == number}

    yield write, find
    client.close()


def kill(stack, part):
    stack.kill(part)
    time.sleep(1)
    stack.parts[part].launch()


def freeze(stack, part):
    stack.freeze(part)
    time.sleep(FROZEN_SECONDS)
    stack.thaw(part)


def break_network(stack, part):
    proxy = stack.proxies[part]
    proxy.slow(0.5)
    time.sleep(BROKEN_SECONDS)
    proxy.reset()
    time.sleep(BROKEN_SECONDS)
    proxy.heal()


def fill_disk(stack, _part):
    if stack.disk is None:
        pytest.skip("no file system can be mounted here")
    filling = stack.disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * (1 << 24))
    time.sleep(FULL_SECONDS)
    filling.unlink()
    # The index of the store (SeaweedFS) refuses all writes after a failed one until it is opened
    # again; docs/reliability.md says so.
    kill(stack, "s3")


FAULTS = {"SIGKILL": kill, "SIGSTOP": freeze, "slow, then resetting network": break_network}
CASES = [
    *((part, name, fault) for part in PROXIED for name, fault in FAULTS.items()),
    ("all servers", "full disk", fill_disk),
]


def state(stack, operators):
    """What is wrong, for the message of a failure."""
    for operator in operators:
        yield f"the last failure: {operator.failures[-1:]}"
    for part in PROXIED:
        log = stack.parts[part].log.read_text()
        yield f"{part}: {check_part(stack.settings, part)}: {log[-500:]}"


@pytest.mark.parametrize(
    ("part", "name", "fault"), CASES, ids=lambda case: case if isinstance(case, str) else ""
)
def test_nothing_that_was_acknowledged_is_lost(
    stack, served, run_writer, variable_writer, table, part, name, fault
):
    with ExitStack() as context:
        predictions = context.enter_context(Predictions(served.base_url))
        operators = [
            context.enter_context(Operator(*writer)) for writer in (run_writer, variable_writer)
        ]
        eventually(lambda: all(operator.acknowledged for operator in operators), 180)
        fault(stack, part)
        healed = time.monotonic()

        def well():
            stack.revive()
            return (
                all(operator.last_success > healed for operator in operators)
                and not served.get("/readyz").json()["degraded"]
            )

        try:
            eventually(well, 180)
        except AssertionError:
            pytest.fail(f"{part} is not well again: " + "; ".join(state(stack, operators)))
        seconds = time.monotonic() - healed
    lost = sum(operator.lost() for operator in operators)
    row = Row(
        part, name, sum(operator.tried for operator in operators),
        sum(len(operator.failures) for operator in operators), lost, seconds,
        predictions.statuses.total(), predictions.statuses.total() - predictions.statuses[200],
    )  # fmt: skip
    table.rows.append(row)
    assert row.tried > row.failed
    assert row.lost == 0
    assert set(predictions.statuses) == {200}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["SIGKILL", "SIGSTOP"])
def test_requests_to_the_other_worker_go_on(served, table, number):
    with Predictions(served.base_url) as predictions:
        eventually(lambda: predictions.statuses[200] > 100)
        for _ in range(KILLS if number == signal.SIGKILL else 1):
            workers = eventually(
                lambda: len(found := api_workers(served.process.pid)) == 2 and found, 60
            )
            workers[0].send_signal(number)
            if number == signal.SIGSTOP:
                time.sleep(FROZEN_SECONDS)
                if workers[0].is_running():
                    workers[0].resume()
            else:
                workers[0].wait()
        ended = time.monotonic()
        eventually(lambda: len(api_workers(served.process.pid)) == 2, 60)
        eventually(lambda: served.get("/readyz").status_code == 200, 60)
        seconds = time.monotonic() - ended
    answered = {status: n for status, n in predictions.statuses.items() if isinstance(status, int)}
    broken = predictions.statuses.total() - sum(answered.values())
    table.rows.append(
        Row("API worker", number.name, KILLS, 0, 0, seconds, sum(answered.values()),
            sum(answered.values()) - answered[200])
    )  # fmt: skip
    assert set(answered) == {200}
    # Connections end with the worker that held them; no client has more than one.
    assert broken <= 4 * KILLS


def test_a_killed_training_leaves_a_sound_champion(stack, served, model, table):
    moments = random.Random(SEED)
    arguments = ("train", "--champion", "--data-path", "reviews.csv")
    with Predictions(served.base_url) as predictions:
        for _ in range(KILLS):
            process = stack.popen(*arguments, MODEL_NAME=model)
            time.sleep(moments.uniform(2, 25))
            process.kill()
            process.communicate()
        ended = time.monotonic()
        stack.cli(*arguments, MODEL_NAME=model)
        seconds = time.monotonic() - ended
        assert_champion_is_sound(stack, model)
    client = mlflow.MlflowClient(stack.client_environment["MLFLOW_TRACKING_URI"])
    experiments = [
        found.experiment_id for found in client.search_experiments() if found.name != "chaos"
    ]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'")
    table.rows.append(
        Row("training", "SIGKILL", KILLS + 1, KILLS, len(running), seconds,
            predictions.statuses.total(),
            predictions.statuses.total() - predictions.statuses[200])
    )  # fmt: skip
    assert not running
    assert set(predictions.statuses) == {200}


def test_a_frozen_training_goes_on(stack, served, model, table):
    with Predictions(served.base_url) as predictions:
        process = stack.popen("train", "--champion", "--data-path", "reviews.csv", MODEL_NAME=model)
        time.sleep(8)
        process.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        process.send_signal(signal.SIGCONT)
        thawed = time.monotonic()
        stdout, stderr = process.communicate(timeout=600)
        seconds = time.monotonic() - thawed
    table.rows.append(
        Row("training", "SIGSTOP", 1, int(process.returncode != 0), 0, seconds,
            predictions.statuses.total(),
            predictions.statuses.total() - predictions.statuses[200])
    )  # fmt: skip
    assert process.returncode == 0, stdout + stderr
    assert_champion_is_sound(stack, model)
