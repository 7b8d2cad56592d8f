"""What is kept in files while the disk is full: nothing ends the process, nothing raises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment_core.errors import NotReadyError
from sentiment_serve.prediction.recent import RecentPredictions
from sentiment_serve.process import run_folder as run_folder_module
from sentiment_serve.process.run_folder import (
    METRICS_FOLDER_VARIABLE,
    RUN_FOLDER_VARIABLE,
    common_folder,
    run_folder,
)
from tests.support.disks import fill, make_read_only, small_disk


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        yield disk


def check_table(table):
    for number in range(3000):
        table.remember(f"request-{number}", "negative", "12")
    assert table.find("request-2999") == ("negative", "12", False)
    assert table.mark_answered("request-2999") is True
    assert table.mark_answered("request-2999") is False
    assert table.find("request-2999").answered is True
    assert table.find("another") is None
    assert table.mark_answered("another") is False
    table.close()


def test_predictions_are_remembered_when_the_disk_is_full_before(disk, caplog):
    fill(disk)
    check_table(RecentPredictions(disk / "recent"))
    (record,) = caplog.records
    assert "No space left" in record.getMessage()


def test_a_disk_that_fills_later_has_room_for_the_table_already(disk, caplog):
    table = RecentPredictions(disk / "recent")
    fill(disk)
    check_table(table)
    assert caplog.records == []
    # Over a restart, and one bounded file.
    assert RecentPredictions(disk / "recent").find("request-2999").answered is True
    assert (disk / "recent").stat().st_size == 4 << 20


def test_predictions_are_remembered_on_a_read_only_disk(disk, caplog):
    RecentPredictions(disk / "recent").close()
    make_read_only(disk)
    check_table(RecentPredictions(disk / "recent"))
    assert "Read-only file system" in caplog.text


def test_a_table_that_somebody_cuts_or_spoils_is_written_again(tmp_path):
    table = RecentPredictions(tmp_path / "recent")
    table.remember("a", "negative", "12")
    os.truncate(tmp_path / "recent", 0)
    assert table.find("a") is None
    check_table(table)
    (tmp_path / "recent").write_bytes(os.urandom(5 << 20))
    check_table(RecentPredictions(tmp_path / "recent"))
    assert (tmp_path / "recent").stat().st_size == 4 << 20


def test_a_folder_in_the_place_of_the_table_leaves_one_in_memory(tmp_path):
    (tmp_path / "recent").mkdir()
    check_table(RecentPredictions(tmp_path / "recent"))


def test_a_long_version_is_cut_at_a_character(tmp_path):
    table = RecentPredictions(tmp_path / "recent")
    table.remember("a", "positive", "v" + "ü" * 40)
    assert table.find("a").version == "v" + "ü" * 22


# The last label is counted by one worker alone, however many try at once.
CLAIM = """
import sys
from pathlib import Path
from sentiment_serve.prediction.recent import RecentPredictions

table = RecentPredictions(Path(sys.argv[1]))
sys.stdin.readline()
print(sum(table.mark_answered(f"request-{number}") for number in range(500)))
"""


def test_each_label_belongs_to_one_worker(tmp_path):
    table = RecentPredictions(tmp_path / "recent")
    for number in range(500):
        table.remember(f"request-{number}", "negative", "12")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(tmp_path / "recent")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    claimed = [int(worker.communicate()[0]) for worker in workers]
    assert sum(claimed) == 500


def test_a_worker_that_hangs_with_the_table_keeps_nobody_for_long(tmp_path):
    table, hung = (RecentPredictions(tmp_path / "recent") for _ in range(2))
    table.remember("a", "negative", "12")
    with hung._alone(), pytest.raises(NotReadyError, match="send it again"):
        table.mark_answered("a")
    assert table.mark_answered("a") is True


COUNT = """
import sys
from pathlib import Path
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.holder import ModelHolder

metrics = ServeMetrics(ModelHolder())
print("ready", flush=True)
sys.stdin.readline()
for number in range(2000):
    metrics.requests.labels("GET", f"/{number}", 200).inc()
    metrics.requests.labels("GET", f"/{number}", 200).inc()
assert metrics.requests.labels("GET", "/1999", 200)._value.get() == 2
sys.stdout.write(metrics.render().decode())
"""


def count_on(folder, before):
    """Count more than a file's first room holds; `before` happens between start and counting."""
    with subprocess.Popen(
        [sys.executable, "-c", COUNT], env=os.environ | {METRICS_FOLDER_VARIABLE: str(folder)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        before()
        page, errors = process.communicate("\n")
    assert process.returncode == 0, errors
    return page, errors


def test_metrics_are_counted_when_their_disk_fills_up_later(disk):
    page, errors = count_on(disk, before=lambda: fill(disk))
    assert 'route="/9",' in page  # what fitted before
    assert "have no room (No space left on device)" in errors


def test_metrics_are_counted_when_their_disk_is_full_before(disk):
    fill(disk)
    page, errors = count_on(disk, before=lambda: None)
    assert page == ""
    assert "have no room (No space left on device)" in errors


def test_metrics_grow_as_long_as_there_is_room(tmp_path):
    page, errors = count_on(tmp_path, before=lambda: None)
    assert page.count("} 2.0") == 2000
    assert errors == ""


@pytest.fixture
def environment(monkeypatch):
    for name in (METRICS_FOLDER_VARIABLE, RUN_FOLDER_VARIABLE):
        monkeypatch.setenv(name, "/nowhere")


@pytest.mark.usefixtures("environment")
def test_workers_meet_in_memory_where_no_disk_has_room(disk, monkeypatch):
    fill(disk)
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    monkeypatch.setattr(run_folder_module, "_PARENTS", (None, disk, Path("/dev/shm")))
    with run_folder(2):
        folder = common_folder()
        assert folder.parent == Path("/dev/shm")
        assert os.environ[METRICS_FOLDER_VARIABLE] == str(folder / "metrics")
    assert not folder.exists()
    assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.mark.usefixtures("environment")
def test_workers_that_can_meet_nowhere_keep_their_metrics_to_themselves(disk, monkeypatch):
    fill(disk)
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    monkeypatch.setattr(run_folder_module, "_PARENTS", (None, disk))
    with run_folder(2):
        assert common_folder() is None
        assert METRICS_FOLDER_VARIABLE not in os.environ


@pytest.mark.usefixtures("environment")
def test_workers_meet_where_their_sockets_can_be(tmp_path, monkeypatch):
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with run_folder(2):
        assert common_folder().parent == Path("/tmp")
    assert list(place.iterdir()) == []


@pytest.mark.usefixtures("environment")
def test_one_worker_needs_no_folder():
    with run_folder(1):
        assert common_folder() is None
        assert METRICS_FOLDER_VARIABLE not in os.environ
