"""Several workers are forked from one process that has imported all they need. Linux only.

uvicorn starts each worker as a new interpreter, which imports everything again. Forked, they begin
sooner, and each has half as much memory of its own. On macOS forking is not safe.
"""

import logging
import multiprocessing
from contextlib import suppress
from multiprocessing.context import ForkServerProcess, SpawnProcess
from multiprocessing.popen_fork import Popen
from multiprocessing.process import BaseProcess
from types import SimpleNamespace

logger = logging.getLogger(__name__)


class WorkerProcess(ForkServerProcess):
    """Is forked where that is possible, and else started as a new interpreter."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:  # type: ignore[override]  # noqa: N802
        try:
            return ForkServerProcess._Popen(process_obj)
        except OSError as error:  # its socket needs a folder that can be written, of a short name
            logger.warning("a worker cannot be forked (%s): it starts as a new process", error)
            return SpawnProcess._Popen(process_obj)


def fork_workers(module: str) -> None:
    """Let uvicorn fork its workers from a process that has imported a module.

    Parameters
    ----------
    module : str
        Name of a module that imports what they need.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([module])
    with suppress(ImportError):  # uvicorn has no public name for it; without, it starts them itself
        from uvicorn import _subprocess

        _subprocess.spawn = SimpleNamespace(Process=WorkerProcess)  # type: ignore[assignment]
