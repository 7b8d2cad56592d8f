"""Ctrl-C in a real terminal: one plain line, exit code 130, and nothing left running."""

import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.projects import copy_choices

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).parent / "sentiment-cli")
HANG_SECONDS = 240
# A command that asks a dead server again and again takes more than a minute to end.
RETRY_SECONDS = 40
TAKE_THE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, *arguments, cwd, **environment):
        self.output, self._home = "", str(cwd)
        self._master, slave = os.openpty()
        cleared = dict.fromkeys(("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_HOME"), "")
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_THE_TERMINAL, COMMAND, *arguments],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=cwd,
            env=os.environ | cleared | {"SENTIMENT_HOME": f"{cwd}/home"} | environment,
        )  # fmt: skip
        os.close(slave)

    def read_for(self, seconds):
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self.output += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # the other side is closed
                time.sleep(seconds)

    def wait_until(self, condition):
        deadline = time.monotonic() + HANG_SECONDS
        while not condition(self):
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            self.read_for(0.01)

    def press_ctrl_c(self):
        os.write(self._master, b"\x03")

    def end(self, hang_seconds=HANG_SECONDS):
        """Return the exit code and the seconds until the end."""
        begin = time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() - begin < hang_seconds, self.output
            self.read_for(0.01)
        seconds = time.monotonic() - begin
        self.read_for(0.1)
        os.close(self._master)
        return self.process.returncode, seconds

    def relatives(self):
        """Return the processes that were started in the same folder of state."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                running = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
            except OSError:
                continue
            if f"SENTIMENT_HOME={self._home}/home".encode() in environment and running:
                found.append(int(entry.name))
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with data and databases, as after a first training."""
    folder = tmp_path_factory.mktemp("project")
    copy_choices(folder)
    terminal = Terminal("train", "--champion", "--samples", "400", cwd=folder)
    assert terminal.end()[0] == 0, terminal.output
    return folder


def watched(terminal):
    """Wait until the command has taken over the signals: it imports its libraries now."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{terminal.process.pid}/status").read_text())
    return bool(int(caught.group(1), 16) & 1 << (signal.SIGTERM - 1))


def seen(*texts):
    return lambda terminal: any(text in terminal.output for text in texts)


def server_started(terminal):
    return len(terminal.relatives()) > 1


STEPS = ["Loading", "Holding out", "Fitting", "Evaluating", "Logging to MLflow", "Registering",
         "Comparing", "Training completed"]  # fmt: skip


def at(step):
    """From a step on: a short one may pass between two looks."""
    return seen(*STEPS[STEPS.index(step) :])


@pytest.mark.parametrize(
    ("moment", "pause"),
    [
        pytest.param(watched, 0, id="start"),
        pytest.param(watched, 0.2, id="imports"),
        pytest.param(seen("Starting training"), 0, id="banner"),
        pytest.param(server_started, 0, id="server"),
        pytest.param(server_started, 1, id="server+1"),
        pytest.param(server_started, 2, id="server+2"),
        pytest.param(at("Loading"), 0, id="loading", marks=pytest.mark.chaos),
        pytest.param(at("Fitting"), 0, id="fitting", marks=pytest.mark.chaos),
        pytest.param(at("Logging to MLflow"), 0, id="logging"),
        pytest.param(at("Logging to MLflow"), 0.5, id="logging+0.5", marks=pytest.mark.chaos),
    ],
)
def test_ctrl_c_ends_a_training_at_any_moment(project, moment, pause):
    terminal = Terminal("train", "--champion", "--samples", "400", cwd=project)
    terminal.wait_until(moment)
    time.sleep(pause)
    terminal.press_ctrl_c()
    code, seconds = terminal.end(RETRY_SECONDS)
    print(f"ended after {seconds:.2f} s")
    check_end(terminal, code)


def test_sigterm_ends_a_training_with_its_own_code(project):
    terminal = Terminal("train", "--champion", "--samples", "400", cwd=project)
    terminal.wait_until(at("Fitting"))
    terminal.process.terminate()
    code, _ = terminal.end()
    check_end(terminal, code, expected=143)


@pytest.mark.parametrize("command", ["predict x", "quickstart", "doctor", "list-versions"])
def test_ctrl_c_ends_other_commands(project, command):
    terminal = Terminal(*command.split(), cwd=project)
    terminal.wait_until(watched)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    code, _ = terminal.end()
    check_end(terminal, code)


def check_end(terminal, code, expected=130):
    assert code == expected, terminal.output
    assert "Traceback" not in terminal.output
    assert terminal.output.count("Interrupted.") == 1, terminal.output
    deadline = time.monotonic() + HANG_SECONDS
    while terminal.relatives():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for database, table, column in (
        ("prefect/prefect.db", "flow_run", "state_type"),
        ("mlflow.db", "runs", "status"),
    ):
        with sqlite3.connect(f"{terminal._home}/home/{database}") as connection:
            states = {row[0] for row in connection.execute(f"select {column} from {table}")}
        assert "RUNNING" not in states


STUBBORN = """
import time
from sentiment_cli.interruption import interruption
with interruption.watched():
    {end_soon}
    while True:
        try:
            print("ready", flush=True)
            time.sleep(600)
        except KeyboardInterrupt:
            print("swallowed", flush=True)
"""


def start_stubborn(end_soon):
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(end_soon=end_soon)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    return process


def test_a_library_that_swallows_the_interrupt_does_not_hold_a_training_up():
    """It may not even come to swallow it: where the machine is busy, the time is over by then."""
    process = start_stubborn("interruption.end_soon(lambda: 'Nothing remains.')")
    _, errors = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, errors) == (130, "Interrupted. Nothing remains.\n")


def test_the_second_ctrl_c_does_not_wait():
    process = start_stubborn("pass")
    assert process.stdout.readline() == "swallowed\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, errors) == (130, "Interrupted.\n")
