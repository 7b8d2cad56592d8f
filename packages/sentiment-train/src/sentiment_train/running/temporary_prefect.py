"""A Prefect server for one training run, where none is configured.

It starts while the process still imports its libraries, keeps its database in PREFECT_HOME, and
stops with the process that started it, however that ends: its standard input closes then.
"""

import atexit
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock

from sentiment_core.errors import RunError, UnreachableError
from sentiment_train.running.ports import LOOPBACK, free_port
from sentiment_train.settings import TrainSettings

_START_TIMEOUT_SECONDS: Final = 120.0


class TemporaryPrefectServer:
    """Starts the server at once; flow runs belong into the block of `used`.

    `home` is PREFECT_HOME: its database, its log and the lock of its start.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._log = home / "temporary-server.log"
        # Two first starts at once would both create the database.
        self._start_lock = FileLock(home / "temporary-server.lock")
        self._start_lock.acquire(timeout=_START_TIMEOUT_SECONDS)
        port = free_port()
        self.api_url = f"http://{LOOPBACK}:{port}/api"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", __name__, str(port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the training alone, which still reports its end to the server.
                start_new_session=True,
                env={
                    **os.environ,
                    "PREFECT_HOME": str(home),
                    "PREFECT_UI_ENABLED": "false",
                    "PREFECT__SERVER_EPHEMERAL": "1",
                    "PREFECT__SERVER_FINAL": "1",
                },
            )
        # Registered before Prefect's own handlers, so it runs after they have sent the last logs.
        atexit.register(self.stop)

    def wait_until_ready(self) -> None:
        """Block until the server answers.

        Raises
        ------
        RunError
            If it exits or stays silent.
        """
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        try:
            while not _answers(self.api_url):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RunError(
                        f"The temporary Prefect server did not start; its log is {self._log}."
                    )
                time.sleep(0.05)
        finally:
            self._start_lock.release()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Wait until the server answers, and let the flow runs of the block be its own.

        Raises
        ------
        RunError
            If it exits or stays silent.
        """
        self.wait_until_ready()
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: self.api_url}):
            yield

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self._start_lock.release()
        if self._process.poll() is not None:
            return
        self._process.kill()
        self._process.wait()


def _answers(api_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=5):  # noqa: S310 - http(s)
            return True
    except OSError:
        return False


def start_temporary_prefect(settings: TrainSettings) -> TemporaryPrefectServer | None:
    """Start a server that goes on until the process ends; None if the settings name one.

    Flow runs belong into the block of its `used`.

    Raises
    ------
    UnreachableError
        If the configured server does not answer.
    """
    if settings.prefect_api_url is not None:
        if not _answers(settings.prefect_api_url):
            raise UnreachableError(
                f"The Prefect server does not answer (PREFECT_API_URL={settings.prefect_api_url})."
                " Start it, or unset the variable to use a temporary one."
            )
        return None
    return TemporaryPrefectServer(settings.prefect_folder)


def _serve(port: int) -> None:
    def exit_with_parent() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=exit_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(), host=LOOPBACK, port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
