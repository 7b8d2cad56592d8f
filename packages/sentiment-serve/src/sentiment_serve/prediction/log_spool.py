"""The prediction log on its way to a bucket: through a folder that outlives crashes and outages."""

import logging
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

from sentiment_core.object_store import ObjectStore
from sentiment_serve.metrics import PredictionLogMetrics
from sentiment_serve.prediction.log_batch import Batch, Outcome
from sentiment_serve.prediction.log_folder import SUFFIX, BoundedFolder
from sentiment_serve.prediction.shared_lock import SharedLock

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)-(\d{{6}}-[0-9a-f]{{16}})-(\d+){SUFFIX}")
_SENDING_FILE: Final = ".sending"


class Spool:
    """Files that wait for the store. Each is one object, whose name follows from the file's.

    So a file that is sent again, after a crash or by another worker, replaces its own object.

    Parameters
    ----------
    folder : BoundedFolder
        Where the files wait.
    open_store : callable
        Opens the store when something is sent for the first time.
    metrics : PredictionLogMetrics
        Counts what is sent and what fails.
    """

    def __init__(
        self,
        folder: BoundedFolder,
        open_store: Callable[[], ObjectStore],
        metrics: PredictionLogMetrics,
    ) -> None:
        self._folder = folder
        self._open_store = open_store
        self._metrics = metrics
        self._store: ObjectStore | None = None
        self._opening = threading.Lock()
        self._sending = SharedLock(folder.path / _SENDING_FILE)

    def write(self, batch: Batch) -> Outcome:
        """Put a batch into the folder; where no file can be written, into the store itself."""
        name = f"{batch.name}-{batch.records}{SUFFIX}"
        try:
            with self._folder.writing():
                self._folder.write(name, batch.content)
        except OSError as error:
            self._metrics.failed_writes.labels("spool").inc()
            logger.warning("the prediction log cannot be spooled: %s", error)
        else:
            return Outcome.SPOOLED
        self._put(name, batch.content)
        return Outcome.WRITTEN

    def waiting(self) -> int:
        """Count the records of the files, also those of other workers."""
        with suppress(OSError):
            matches = map(_NAME.fullmatch, self._folder.names())
            return sum(int(match[5]) for match in matches if match)
        return 0

    def send(self, until: Callable[[], bool] = lambda: False) -> None:
        """Send the files, oldest first, unless another worker is at it.

        Raises
        ------
        OSError, SentimentError
            If a file cannot be read or sent; it stays where it is.
        """
        names = [name for name in self._folder.names() if _NAME.fullmatch(name)]
        if not names:
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(self._sending.held(0))
            except TimeoutError:
                return
            for name in names:
                if until():
                    return
                self._send(name)

    def _send(self, name: str) -> None:
        path = self._folder.path / name
        # A file that is gone was sent by another worker, or made room and was counted as lost.
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        self._put(name, content)
        with suppress(FileNotFoundError):
            path.unlink()
            self._metrics.written.inc(content.count(b"\n"))

    def _put(self, name: str, content: bytes) -> None:
        with self._opening:
            if self._store is None:
                self._store = self._open_store()
        self._store.put(object_key(name), content)


def object_key(name: str) -> str:
    """Name the object of a file.

    Examples
    --------
    >>> object_key("2030-12-31-235959-0123456789abcdef-1000.jsonl")
    '2030/12/31/235959-0123456789abcdef-1000.jsonl'
    """
    return name.replace("-", "/", 3)
