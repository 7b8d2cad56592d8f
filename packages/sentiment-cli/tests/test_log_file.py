"""The log of the stack has a bound, and a disk that refuses it stops nothing."""

from datetime import datetime
from pathlib import Path

import pytest
from honcho.printer import Message, Printer

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.log_file import RotatingLog, log_file

MAX_BYTES = 1 << 20
MIDNIGHT = datetime(2026, 1, 1)


@pytest.fixture
def settings(tmp_path):
    return StackSettings(home=tmp_path, log_max_bytes=MAX_BYTES)


@pytest.fixture
def log(settings):
    opened = RotatingLog(log_file(settings), settings.log_max_bytes)
    yield opened
    opened.close()


def test_all_files_together_stay_within_the_bound_and_the_newest_lines_are_there(log, settings):
    for number in range(3 * MAX_BYTES // 50):
        print(f"{number:050d}", file=log, flush=True)
    files = sorted(settings.folder.iterdir())
    assert [path.name for path in files] == ["stack.log", "stack.log.1"]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    lines = [int(line) for path in reversed(files) for line in path.read_text().splitlines()]
    assert lines == list(range(lines[0], number + 1))


def test_what_a_part_prints_is_one_line_whatever_its_bytes_are(log, settings):
    printer = Printer(log)
    printer.write(Message("line", b"caf\xc3\xa9 \xff\n", MIDNIGHT, "mlflow", None))
    printer.write(Message("line", "\ud800", MIDNIGHT, "api", None))
    assert log_file(settings).read_text().splitlines() == [
        "00:00:00 mlflow | caf\u00e9 \ufffd", "00:00:00 api | ?",
    ]  # fmt: skip


def test_a_disk_that_refuses_the_log_stops_nothing(log, settings):
    usual = log.setStream(Path("/dev/full").open("w"))  # noqa: SIM115 - closing it fails
    for _ in range(1000):
        print("not written", file=log, flush=True)
    full = log.setStream(usual)
    with pytest.raises(OSError, match="No space"):
        full.close()
    print("written", file=log, flush=True)
    assert log_file(settings).read_text() == "written\n"
