"""Signs of life, on a real terminal and without one."""

import os
import pty
import re
import subprocess
import sys

WORK = """
import time
from sentiment_train.progress import progress
with progress("Outer [work]", line_seconds=0.05) as tell:
    tell("step 1")
    time.sleep(0.2)
    with progress("Inner") as inner:
        inner("step [2]")
        time.sleep(0.3)
print("result")
"""


def test_without_a_terminal_a_line_is_printed_now_and_then():
    result = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True)
    assert result.stdout == "result\n"
    lines = result.stderr.splitlines()
    assert all(re.fullmatch(r"Outer \[work\]: .* \(\d+ s\)", line) for line in lines)
    told = " ".join(lines)
    assert "Outer [work]: step 1 (" in told
    assert "Outer [work]: Inner: step [2] (" in told


def test_short_work_prints_nothing_without_a_terminal():
    code = WORK.replace("line_seconds=0.05", "line_seconds=60")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("result\n", "")


def test_a_terminal_shows_the_message_and_the_detail_but_not_on_standard_output():
    terminal, side = pty.openpty()
    try:
        result = subprocess.run(
            [sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=side, text=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
        )  # fmt: skip
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(side)
        os.close(terminal)
    assert result.stdout == "result\n"
    assert "Outer [work]: step 1" in shown
    assert "Outer [work]: Inner: step [2]" in shown


def test_a_reader_that_has_gone_does_not_stop_the_work():
    process = subprocess.Popen(
        [sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stderr.close()
    assert process.stdout.read() == "result\n"
    process.stdout.close()
    assert process.wait() == 0
