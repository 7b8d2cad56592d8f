"""A worker ends with the process that started it."""

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)


def end_with_parent() -> None:
    """End politely, if this is a worker, when the process that started it dies.

    A worker that is left alone would hold the port, and nobody would ever end it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    logger.warning("nobody looks after this worker any more: it ends")
    os.kill(os.getpid(), signal.SIGTERM)
