"""Where several workers keep their metrics in common.

The metrics library reads the environment when it is imported, so this module does not import it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHARED_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(workers: int) -> Iterator[None]:
    """Give several workers a fresh folder for common metrics, for a while; one needs none."""
    # Even an empty value makes the library write files, into the working directory.
    os.environ.pop(SHARED_FOLDER_VARIABLE, None)
    if workers == 1:
        yield
        return
    folder = tempfile.mkdtemp(prefix="sentiment-metrics-")
    os.environ[SHARED_FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
