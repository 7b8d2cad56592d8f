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
from sentiment_serve.process.channel import has_room_for_sockets

METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
RUN_FOLDER_VARIABLE: Final = "SENTIMENT_SERVE_RUN_FOLDER"

# The first that will do; a folder of our own is made in it.
_PARENTS: Final = (None, Path("/tmp"), Path("/dev/shm"))  # noqa: S108
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
    for parent in _PARENTS:
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="sentiment-serve-", dir=parent))
            if has_room_for_sockets(folder) and _has_room(folder, size):
                (folder / "metrics").mkdir()
                return folder
            shutil.rmtree(folder, ignore_errors=True)
    return None


def _has_room(folder: Path, size: int) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as room:
            reserve_space(room.fileno(), size)
    except OSError:
        return False
    return True
