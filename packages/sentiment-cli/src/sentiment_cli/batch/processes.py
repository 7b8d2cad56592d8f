"""Processes that label chunks side by side, and hand them back in order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, Self

from sentiment_cli.batch.labelling import Job, Labelled, label_chunk
from sentiment_cli.batch.reading import Chunk
from sentiment_core.errors import RunError
from sentiment_core.scorer import LinearScorer

_CHUNKS_AHEAD: Final = 2
"""Chunks for each process that are read before they are needed: this bounds the memory."""

_scorer: LinearScorer | None = None


class Labeller(Protocol):
    """What labels chunks."""

    def label(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Labelled]:
        """Label chunks; the results have the order of the chunks."""
        ...


class ThisProcess:
    """Labels without other processes.

    Parameters
    ----------
    scorer : LinearScorer
        The model.
    """

    def __init__(self, scorer: LinearScorer) -> None:
        self._scorer = scorer

    def label(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Labelled]:
        """Label one chunk after the other."""
        for chunk in chunks:
            yield label_chunk(self._scorer, job, chunk)


class LabellingProcesses:
    """Some processes with a model.

    Parameters
    ----------
    scorer : Path
        The scorer file that each of them loads.
    count : int
        How many.
    """

    def __init__(self, scorer: Path, count: int) -> None:
        self._ahead = count * _CHUNKS_AHEAD
        # A fork would share threads of libraries that are loaded here.
        self._pool = ProcessPoolExecutor(
            count, multiprocessing.get_context("spawn"), _begin, (scorer,)
        )

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes; what is not begun is not done."""
        self._pool.shutdown(cancel_futures=True)

    def label(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Labelled]:
        """Label chunks; the results have the order of the chunks.

        Raises
        ------
        RunError
            If a process is killed.
        """
        waiting: deque[Future[Labelled]] = deque()
        try:
            for chunk in chunks:
                waiting.append(self._pool.submit(_label, job, chunk))
                if len(waiting) > self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise RunError(
                "A process that labels was killed, perhaps for want of memory: the same command "
                "goes on where it stopped, --jobs 1 needs the least."
            ) from error


@contextmanager
def labeller(scorer: LinearScorer, count: int) -> Iterator[Labeller]:
    """Provide some processes with a model; a single one is this one."""
    if count == 1:
        yield ThisProcess(scorer)
        return
    with TemporaryDirectory(prefix="sentiment-batch-") as folder:
        path = Path(folder, "scorer.bin")
        scorer.save(path)
        with LabellingProcesses(path, count) as processes:
            yield processes


def _begin(scorer: Path) -> None:
    global _scorer
    # The terminal tells all processes of Ctrl-C; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _scorer = LinearScorer.load(scorer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        with suppress(OSError):
            wait([parent.sentinel])
        os._exit(1)


def _label(job: Job, chunk: Chunk) -> Labelled:
    if _scorer is None:
        raise RuntimeError("no model was loaded")
    return label_chunk(_scorer, job, chunk)
