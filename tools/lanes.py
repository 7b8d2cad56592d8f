"""Run sessions of nox side by side: ``python -m tools.lanes SESSION... [--lanes 3]``.

Each session is a nox of its own whose output goes to a file. What fails is printed in full, and the
closing lines say how long each took, what failed, and which tests were skipped and why.
"""

import argparse
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

REPORTS = Path(".nox/reports")
_SECONDS_BETWEEN_SIGNS_OF_LIFE = 60
_SECONDS_TO_END = 90  # servers that tests have started are stopped by the tests' own fixtures


def file_stem(session: str) -> str:
    """Return the name of a session's files: its log, its report.

    Parameters
    ----------
    session : str
        As nox names it, such as ``tests(core)``.

    Returns
    -------
    str
        Without characters that shells or file systems treat specially.
    """
    return session.replace("(", "-").replace(")", "")


@dataclass
class Job:
    """One session, and how it went."""

    session: str
    popen: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    seconds: float = 0.0
    exit_code: int | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Where its output is."""
        return REPORTS / f"{file_stem(self.session)}.log"

    @property
    def report(self) -> Path:
        """Where pytest writes what became of each test, if the session runs any."""
        return REPORTS / f"{file_stem(self.session)}.xml"

    def start(self, command: list[str]) -> None:
        """Start it, with its output in its log."""
        self.report.unlink(missing_ok=True)
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            # A process group of its own, so that Ctrl-C reaches it once, from here.
            self.popen = subprocess.Popen(
                [*command, self.session], stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait for its end, and read what it skipped."""
        if self.popen is None:
            return
        self.exit_code = self.popen.wait()
        self.seconds = time.monotonic() - self.started
        if self.exit_code and not self.report.exists():
            self.skipped = [("all of it", "it ended before it could report")]
        else:
            self.skipped = list(skipped_tests(self.report))

    def last_line(self) -> str:
        """Return what it printed last."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "")


def skipped_tests(report: Path) -> Iterator[tuple[str, str]]:
    """Read from a JUnit report what was not tested, and why.

    Parameters
    ----------
    report : Path
        May be missing: not every session runs tests.

    Yields
    ------
    tuple of str
        A test's name and the reason.
    """
    if not report.exists():
        return
    for case in ET.parse(report).iter("testcase"):
        for skipped in case.iter("skipped"):
            yield f"{case.get('classname')}.{case.get('name')}", skipped.get("message", "")


class Lanes:
    """Some threads that take sessions from one queue, in its order."""

    def __init__(self, sessions: list[str], command: list[str], number: int) -> None:
        self.jobs = [Job(session) for session in sessions]
        self._command = command
        self._waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in self.jobs:
            self._waiting.put(job)
        self._stopped = threading.Event()
        self._start_lock = threading.Lock()
        self._print_lock = threading.Lock()
        self._number = number
        self._lanes: list[Future[None]] = []

    def run(self) -> None:
        """Run all sessions; Ctrl-C ends those that run, and starts no other."""
        pool = ThreadPoolExecutor(self._number)
        self._lanes = [pool.submit(self._work) for _ in range(self._number)]
        try:
            while wait(self._lanes, _SECONDS_BETWEEN_SIGNS_OF_LIFE).not_done:
                for job in self._running():
                    self._say(f"    {job.session} runs: {job.last_line()}")
        except KeyboardInterrupt:
            self._stop()
            raise
        for lane in self._lanes:
            lane.result()

    def _running(self) -> list[Job]:
        return [job for job in self.jobs if job.popen and job.exit_code is None]

    def _stop(self) -> None:
        with self._start_lock:  # from here on none starts
            self._stopped.set()
        for number in (signal.SIGINT, signal.SIGKILL):
            for job in self._running():
                if job.popen:
                    with suppress(ProcessLookupError):
                        os.killpg(job.popen.pid, number)
            with suppress(KeyboardInterrupt):  # the impatient: a second Ctrl-C kills
                wait(self._lanes, _SECONDS_TO_END)

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return
            with self._start_lock:
                if self._stopped.is_set():
                    return
                job.start(self._command)
            self._say(f">>> {job.session} starts")
            job.wait()
            self._finish(job)

    def _finish(self, job: Job) -> None:
        if self._stopped.is_set():
            return
        if job.exit_code:
            text = job.log.read_text(errors="replace")
            self._say(f"{text}\n<<< {job.session} FAILED after {job.seconds:.0f} s: {job.log}")
        else:
            self._say(f"<<< {job.session} is fine ({job.seconds:.0f} s)")

    def _say(self, text: str) -> None:
        with self._print_lock:
            print(text, flush=True)


def closing_lines(jobs: list[Job], seconds: float) -> list[str]:
    """Say how all went.

    Parameters
    ----------
    jobs : list of Job
        Those that have run.
    seconds : float
        How long it took altogether.

    Returns
    -------
    list of str
        The last thing that the user reads.
    """
    lines = ["", f"{len(jobs)} sessions in {seconds:.0f} s:"]
    for job in jobs:
        how = "fine" if job.exit_code == 0 else f"FAILED, see {job.log}"
        lines.append(f"  {job.seconds:5.0f} s  {job.session}: {how}")
    skipped = [(job.session, *skip) for job in jobs for skip in job.skipped]
    lines.append(f"Not tested: {len(skipped) or 'nothing was skipped'}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for session, name, reason in skipped:
        reasons.setdefault((session, reason), []).append(name)
    for (session, reason), names in reasons.items():
        lines.append(f"  {session}, {len(names)} tests: {reason}")
        lines += [f"    {name}" for name in names]
    failed = [job.session for job in jobs if job.exit_code]
    lines.append(f"FAILED: {', '.join(failed)}" if failed else "All sessions are fine.")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the sessions that the arguments name.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line unless given.

    Returns
    -------
    int
        0 if every session is fine, 1 if one failed, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.lanes", description=__doc__)
    parser.add_argument("sessions", nargs="+", help="in the order in which they start")
    parser.add_argument("--lanes", type=int, default=3, help="how many run at a time")
    parser.add_argument("--command", nargs="+", default=[sys.executable, "-m", "nox", "-s"])
    options = parser.parse_args(arguments)
    REPORTS.mkdir(parents=True, exist_ok=True)
    lanes = Lanes(options.sessions, options.command, options.lanes)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like by Ctrl-C
    try:
        lanes.run()
    except KeyboardInterrupt:
        print("Interrupted: nothing runs any more.", file=sys.stderr)
        return 130
    print("\n".join(closing_lines(lanes.jobs, time.monotonic() - started)), flush=True)
    return 1 if any(job.exit_code for job in lanes.jobs) else 0


if __name__ == "__main__":
    raise SystemExit(main())
