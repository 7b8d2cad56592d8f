"""Several workers are forked from one process that has imported all they need. Linux only.

uvicorn starts each worker as a new interpreter, which imports everything again. Forked, they begin
sooner, and each has half as much memory of its own. On macOS forking is not safe.
"""

import logging
import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.context import ForkServerProcess, SpawnProcess
from multiprocessing.popen_fork import Popen
from multiprocessing.process import BaseProcess
from types import SimpleNamespace
from typing import Final

logger = logging.getLogger(__name__)

_MODULES: Final = (
    "sentiment_serve.app",
    "sentiment_serve.process.main",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
)
"""What the workers need; names, because this package knows nothing of the application."""

_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""What a terminal, systemd or honcho send to all processes at once."""


class WorkerProcess(ForkServerProcess):
    """Is forked where that is possible, and else started as a new interpreter.

    The process that forks has to outlive its workers, for it alone knows how they ended. So it
    inherits a mask that keeps signals away from it, from its first moment on.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:  # type: ignore[override]  # noqa: N802
        resource_tracker.ensure_running()  # its start would lift the mask
        former = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            return ForkServerProcess._Popen(process_obj)
        # Its socket needs a folder that can be written, of a short name; and it can be killed.
        except (OSError, EOFError) as error:
            logger.warning("a worker cannot be forked (%r): it starts as a new process", error)
            return SpawnProcess._Popen(process_obj)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def run(self) -> None:
        """Take the signals that came since the start, and work."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        super().run()


def fork_workers() -> None:
    """Let uvicorn fork its workers."""
    # Nothing is imported from the working folder, whatever lies there.
    os.environ["PYTHONSAFEPATH"] = "1"
    multiprocessing.set_forkserver_preload(list(_MODULES))
    with suppress(ImportError):  # uvicorn has no public name for it; without, it starts them itself
        from uvicorn import _subprocess

        _subprocess.spawn = SimpleNamespace(Process=WorkerProcess)  # type: ignore[assignment]
