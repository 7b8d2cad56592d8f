"""Real API processes with several workers, on disks that are full or read-only."""

import contextlib
import itertools
from contextlib import contextmanager

import httpx
import pytest

from tests.serving.conftest import Api
from tests.support import BIN, eventually, free_port, running
from tests.support.disks import fill, make_read_only, small_disk

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(120)]

WORKERS = 3
AN_HOUR = "3600"


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        yield disk


@pytest.fixture
def start(tmp_path, exported):
    numbers = itertools.count()

    @contextmanager
    def start(place, **environment):
        """Start workers whose home and temporary files are at a place, and who never poll."""
        with contextlib.suppress(OSError):
            (place / "tmp").mkdir(exist_ok=True)
        port = str(free_port())
        with running(
            [str(BIN / "sentiment-serve")], f"http://127.0.0.1:{port}",
            tmp_path / f"api-{next(numbers)}.log", ready="/livez", cwd=tmp_path,
            PORT=port, SENTIMENT_HOME=str(place / "home"), TMPDIR=str(place / "tmp"),
            MODEL_SOURCE=exported.folder.as_uri(), MODEL_RELOAD_INTERVAL=AN_HOUR, DRAIN_SECONDS="0",
            **({"WORKERS": str(WORKERS)} | environment),
        ) as process:  # fmt: skip
            api = Api(process)
            # Each request over a new connection, which any worker may take.
            limits = httpx.Limits(max_keepalive_connections=0)
            api.client = httpx.Client(base_url=process.url, timeout=30, limits=limits)
            started = int(environment.get("WORKERS", WORKERS))
            with api.client:
                eventually(lambda: process.log.read_text().count("startup complete") == started)
                eventually(lambda: versions_of(api) == {"1"})
                yield api

    return start


def versions_of(api, times=30):
    return {api.predict().json().get("model_version") for _ in range(times)}


def check_that_all_works(api, exported, *, first, second):
    """Predictions, metrics, and a reload that reaches all workers at once."""
    assert versions_of(api) == {first}
    exported.publish(second)
    assert api.client.post("/admin/reload").json()["version"] == second
    eventually(lambda: versions_of(api) == {second})
    page = api.client.get("/metrics")
    assert page.status_code == 200
    assert f'version="{second}"' in page.text
    for _ in range(20):
        api.client.post("/predict/batch", json={"texts": ["good", "bad"]}).raise_for_status()
    assert api.client.get("/readyz").json()["status"] == "ready"
    assert "Traceback" not in api.process.log.read_text()
    assert "died" not in api.process.log.read_text()
    assert "next check" not in api.process.log.read_text()


def test_a_reload_reaches_all_workers_at_once(start, exported, tmp_path):
    with start(tmp_path) as api:
        for first, second in itertools.pairwise("1234"):
            check_that_all_works(api, exported, first=first, second=second)
        name = 'sentiment_model_info{alias="champion"'
        assert api.metric(name) == 1
        # Predictions of all workers are in one place.
        counted = api.metric("sentiment_predictions_total")
        for _ in range(20):
            api.predict()
        assert api.metric("sentiment_predictions_total") == counted + 20


def test_a_disk_that_fills_up_under_workers_changes_nothing(start, exported, disk):
    with start(disk) as api:
        fill(disk)
        check_that_all_works(api, exported, first="1", second="2")
        counted = api.metric("sentiment_predictions_total")
        for _ in range(20):
            answer = api.predict()
            body = {"request_id": answer.headers["x-request-id"], "sentiment": "positive"}
            api.client.post("/feedback", json=body).raise_for_status()
        assert api.metric("sentiment_predictions_total") == counted + 20
        assert api.metric("sentiment_feedback_total") == 20


def test_workers_start_and_reload_on_a_full_disk(start, exported, disk):
    (disk / "tmp").mkdir()
    fill(disk)
    with start(disk) as api:
        check_that_all_works(api, exported, first="1", second="2")
        assert "cannot be written" in api.process.log.read_text()


@pytest.mark.parametrize("spoil", [fill, make_read_only])
def test_the_cached_model_is_loaded_from_a_full_or_read_only_disk(start, exported, disk, spoil):
    with start(disk, WORKERS="1"):
        pass
    spoil(disk)
    away = exported.folder.rename(exported.folder.with_name("away"))
    with start(disk) as api:
        assert api.client.get("/model-info").json()["from_cache"] is True
        away.rename(exported.folder)
        check_that_all_works(api, exported, first="1", second="2")
