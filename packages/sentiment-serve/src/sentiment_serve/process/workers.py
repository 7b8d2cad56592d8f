"""Several workers: forked from one process that has imported all they need, and never left alone.

uvicorn starts each worker as a new interpreter, which imports everything again. Forked, they begin
sooner, and each has half as much memory of its own.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)


def fork_workers(module: str) -> None:
    """Let uvicorn fork its workers from a process that has imported a module.

    Where that is not safe (macOS) or not possible, they start as uvicorn starts them.

    Parameters
    ----------
    module : str
        Name of a module that imports what they need.
    """
    if sys.platform != "linux":
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    with suppress(ImportError):  # uvicorn has no public name for it
        from uvicorn import _subprocess

        _subprocess.spawn = context  # type: ignore[assignment]


def end_with_parent() -> None:
    """End politely, if this is a worker, when the process that started it dies.

    A worker that is left alone would hold the port, and nobody would ever end it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    logger.warning("the process that started this worker is gone: the worker ends too")
    os.kill(os.getpid(), signal.SIGTERM)
