"""A cluster labels what one process does, whichever of its processes dies meanwhile."""

import errno
import importlib
import os

import pytest

from sentiment_cli import registered_model
from sentiment_cli.batch.cluster import ClusterLabeller, in_stores, label_stored
from sentiment_cli.batch.file_run import Options, label_file
from sentiment_cli.batch.journal import Task
from sentiment_cli.batch.places import pair
from sentiment_cli.batch.processes import ThisProcess
from sentiment_cli.buckets import make_buckets
from sentiment_cli.registered_model import Model
from sentiment_core.errors import ConflictError, DataError, RunError, UnreachableError
from sentiment_core.s3_store import S3Store
from sentiment_train import cluster as clusters
from sentiment_train.cluster import connect
from tests.support.dask_cluster import dask_cluster
from tests.support.moto_store import moto_store
from tests.support.processes import ROOT, free_port
from tests.support.tiny_models import make_scorer

MODEL = Model("sentiment", "7", make_scorer())
OPTIONS = Options("text", prefix="", explain=1, restart=False, overwrite=False)
TEXTS = ["good film", "bad film", "", "nobody knows"]
N_ROWS, N_FILES = 40_000, 6


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A file of many chunks, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("reviews")
    path = folder / "in.csv"
    rows = (f"{number},{TEXTS[number % len(TEXTS)]}\n" for number in range(N_ROWS))
    path.write_text("id,text\n" + "".join(rows))
    label(path, folder / "alone.csv", ThisProcess(MODEL.scorer))
    return path, (folder / "alone.csv").read_bytes()


def label(path, target, labeller, watch=lambda *_: None):
    task = Task(str(path), 1, "", MODEL.name, MODEL.version, MODEL.scorer.digest, "text", "", 1)
    return label_file(path, target, task, MODEL.scorer, labeller, OPTIONS, watch)


@pytest.fixture
def cluster(tmp_path):
    with dask_cluster(tmp_path, dict(os.environ)) as started:
        yield started


def test_a_worker_dies_and_another_comes(tmp_path, cluster, reviews):
    path, expected = reviews
    disturbed = []

    def disturb(*_):
        if not disturbed:
            disturbed.append(True)
            cluster.kill_worker()
            cluster.add_worker()

    with connect(cluster.address) as connected:
        label(path, tmp_path / "out.csv", ClusterLabeller(connected, MODEL), disturb)
    assert disturbed
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_the_next_command_goes_on_after_the_scheduler_is_gone(tmp_path, cluster, reviews):
    path, expected = reviews
    with (
        pytest.raises(UnreachableError, match="does not answer any more"),
        connect(cluster.address) as connected,
    ):
        label(
            path, tmp_path / "out.csv", ClusterLabeller(connected, MODEL),
            lambda *_: cluster.scheduler.kill(),
        )  # fmt: skip
    assert (tmp_path / "out.csv.partial").exists()
    label(path, tmp_path / "out.csv", ThisProcess(MODEL.scorer))
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_workers_fetch_and_deliver_what_lies_in_a_store(tmp_path, reviews):
    path, expected = reviews
    with moto_store() as (settings, environment):
        make_buckets(settings)
        store = S3Store("s3://data/reviews", settings)
        for number in range(N_FILES):
            store.put_file(f"{number:02}.csv", path)
        pairs = pair("s3://data/reviews", "s3://data/labelled", settings, tmp_path / "work")
        assert in_stores(pairs)
        with (
            dask_cluster(tmp_path, os.environ | environment) as cluster,
            connect(cluster.address) as connected,
        ):
            results = []
            for result in label_stored(connected, pairs, MODEL, OPTIONS):
                results.append(result)
                if len(results) == 1:
                    cluster.kill_worker()
                    cluster.add_worker()
            assert [result.task.input for result in results] == [
                found.address for found, _ in pairs
            ]
            labelled = S3Store("s3://data/labelled", settings)
            assert (
                len(list(labelled.list())) == 3 * N_FILES
            )  # labels, refused rows and the run's file
            for number in range(N_FILES):
                labelled.get_file(f"{number:02}.csv", tmp_path / "back.csv")
                assert (tmp_path / "back.csv").read_bytes() == expected
            # What is done is found, and a fault of the user's reads as it does without a cluster.
            assert list(label_stored(connected, pairs, MODEL, OPTIONS)) == results
            other = Options("review", prefix="", explain=0, restart=True, overwrite=False)
            with pytest.raises(DataError, match="has no column review"):
                list(label_stored(connected, pairs, MODEL, other))


@pytest.mark.usefixtures("settings")
def test_the_flow_of_the_documentation_labels_on_a_cluster(
    tmp_path, reviews, prefect_server, monkeypatch
):
    path, _ = reviews
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    page = (ROOT / "docs" / "batch.md").read_text()
    code = page.split("```python title=nightly.py\n")[1].split("```")[0]
    (tmp_path / "nightly.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with moto_store() as (settings, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        make_buckets(settings)
        for number in range(3):
            S3Store("s3://data/reviews", settings).put_file(f"{number}.csv", path)
        monkeypatch.setattr(registered_model, "load_model", lambda *_: MODEL)
        with dask_cluster(tmp_path, dict(os.environ)) as cluster:
            monkeypatch.setenv("DASK_SCHEDULER", cluster.address)
            rows = importlib.import_module("nightly").nightly(
                "s3://data/reviews", "s3://data/labelled"
            )
        assert rows == 3 * N_ROWS
        labelled = S3Store("s3://data/labelled", settings)
        assert len(list(labelled.list())) == 3 * 3


def test_what_lies_on_this_machine_is_not_sought_by_workers(tmp_path, reviews):
    path, _ = reviews
    with moto_store() as (settings, _):
        assert not in_stores(pair(str(path), "s3://data/out.csv", settings, tmp_path))


def test_a_worker_of_another_version_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "_own_versions", lambda: {"sentiment-core": "9.9"})
    with (
        pytest.raises(ConflictError, match=r"this machine sentiment-core 9\.9: install the same"),
        connect(cluster.address) as connected,
    ):
        list(connected.map(str, [1]))


def test_a_task_that_kills_its_workers_is_a_plain_error(cluster):
    for _ in range(3):
        cluster.add_worker()
    with (
        pytest.raises(RunError, match="died of the same task"),
        connect(cluster.address) as connected,
    ):
        list(connected.map(os._exit, [1]))


def test_what_a_task_raises_is_not_taken_for_a_fault_of_the_cluster(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "_SECONDS_WITHOUT_WORKERS", 1)

    def fail(error):  # pickled as it is: workers cannot import this file
        raise error

    no_space = OSError(errno.ENOSPC, "No space left on device", "/scratch/part")
    for raised, shown, words in (
        (no_space, RunError, r"A worker of tcp://.* failed: .*No space left .*'/scratch/part'\."),
        (ConnectionError("store"), RunError, r"A worker of .* failed: store\."),
        (TimeoutError("late"), RunError, r"A worker of .* failed: late\."),
        (DataError("no such column"), DataError, "no such column"),
        (ModuleNotFoundError("polars"), ConflictError, r"\(polars\): install sentiment-core"),
        (KeyError("ours"), KeyError, "ours"),
    ):
        with connect(cluster.address) as connected, pytest.raises(shown, match=words):
            list(connected.map(fail, [raised]))


def test_a_cluster_without_workers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", 2)
    with (
        dask_cluster(tmp_path, dict(os.environ), workers=0) as cluster,
        pytest.raises(RunError, match="has no workers"),
        connect(cluster.address),
    ):
        pass


def test_workers_that_are_all_gone_are_told(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "_SECONDS_WITHOUT_WORKERS", 1)
    with connect(cluster.address) as connected:
        cluster.kill_worker()
        cluster.kill_worker()
        with pytest.raises(RunError, match="has had no worker"):
            list(connected.map(str, [1]))


def test_no_scheduler_is_told(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(UnreachableError, match="dask scheduler"), connect(address):
        pass
    with pytest.raises(UnreachableError), connect("nonsense"):
        pass
