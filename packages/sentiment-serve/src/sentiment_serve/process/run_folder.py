"""A folder that the workers of one start have in common, for their metrics and their messages.

The metrics library reads the environment when it is imported, so this module does not import it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sentiment_core.disk_space import reserve_space

METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
RUN_FOLDER_VARIABLE: Final = "SENTIMENT_SERVE_RUN_FOLDER"

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_BYTES_OF_A_WORKER: Final = 1 << 19


@contextmanager
def run_folder(workers: int) -> Iterator[None]:
    """Give several workers a fresh folder of their own, for a while; one needs none.

    Where no disk has room for it, nor the memory, each worker keeps its metrics to itself.
    """
    # Even an empty value makes the library write files, into the working directory.
    os.environ.pop(METRICS_FOLDER_VARIABLE, None)
    os.environ.pop(RUN_FOLDER_VARIABLE, None)
    folder = _make_folder(workers * _BYTES_OF_A_WORKER) if workers > 1 else None
    if folder is None:
        yield
        return
    os.environ[METRICS_FOLDER_VARIABLE] = str(folder / "metrics")
    os.environ[RUN_FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def common_folder() -> Path | None:
    """Return the folder of this start; None if there is none."""
    name = os.environ.get(RUN_FOLDER_VARIABLE)
    return Path(name) if name else None


def _make_folder(size: int) -> Path | None:
    for parent in (None, _MEMORY):
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="sentiment-serve-", dir=parent))
            try:
                (folder / "metrics").mkdir()
                with tempfile.TemporaryFile(dir=folder) as room:
                    reserve_space(room.fileno(), size)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return folder
    return None
