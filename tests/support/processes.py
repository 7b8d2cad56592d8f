"""Starts real servers as processes, for the tests that cross packages."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds=30):
    """Wait until a condition is true, asking less and less often; returns what it says."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
        pause = min(pause * 1.3, 0.3)
    return result


class Process:
    """A server as its own process group, with its log in a file."""

    def __init__(self, command, url, log, environment, ready, cwd=None):
        self.command, self.url, self.log = command, url, log
        self.environment, self.ready, self.cwd = environment, ready, cwd
        self.popen = None

    def launch(self):
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, env=self.environment,
                start_new_session=True, cwd=self.cwd,
            )  # fmt: skip

    def start(self, timeout=90):
        import httpx  # which tests of one package do without

        self.launch()

        def answers():
            try:
                return client.get(self.url + self.ready)
            except httpx.TransportError:
                assert self.popen.poll() is None, "it has ended"

        with httpx.Client(timeout=5) as client:
            try:
                eventually(answers, timeout)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.log.read_text()[-3000:]}") from None
        return self

    def kill(self):
        """As a power cut does."""
        import psutil  # which tests of one package do without

        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.popen.pid).children(recursive=True):
                child.kill()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(0.3)  # a parent that lives a little longer buries its children
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def terminate(self, timeout=30):
        """Politely, to the main process only; returns its exit code."""
        self.popen.terminate()
        return self.popen.wait(timeout)

    def close(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def _signal(self, number):
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)


def api_workers(pid):
    """The processes that answer requests, of an API that has several: forked from one process."""
    import psutil  # which tests of one package do without

    def is_worker(process):
        with suppress(psutil.NoSuchProcess):  # also one that is dead but not buried
            return process.ppid() != pid and "forkserver" in " ".join(process.cmdline())
        return False

    return list(filter(is_worker, psutil.Process(pid).children(recursive=True)))


@contextmanager
def running(command, url, log, *, ready, cwd=None, **environment):
    process = Process(command, url, log, os.environ | environment, ready, cwd)
    process.start()
    try:
        yield process
    finally:
        process.close()


@contextmanager
def mlflow_server(folder, port=None, *options, **environment):
    """An MLflow server that proxies artifacts; two starts on one folder see the same state."""
    port = port or free_port()
    command = [
        str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1",
        "--artifacts-destination", str(folder / "artifacts"), *options,
    ]  # fmt: skip
    with running(
        command, f"http://127.0.0.1:{port}", folder / "mlflow.log", ready="/health",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", MLFLOW_DISABLE_TELEMETRY="true",
        GIT_PYTHON_REFRESH="quiet",
        # So that it may call an API of this machine (its alias webhook).
        MLFLOW_WEBHOOK_ALLOWED_SCHEMES="http", MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS="true",
        MLFLOW_WEBHOOK_CACHE_TTL="0", **environment,
    ) as process:  # fmt: skip
        yield process
