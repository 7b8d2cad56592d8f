"""Work on the workers of a Dask cluster: several machines, or several processes of this one.

Dask starts a task again elsewhere when its worker is lost, and gives work to a worker that comes
later. What it does not do stands here: results in order while memory stays bounded, plain errors,
and a refusal of workers that have another version of this code.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sentiment_core.errors import ConflictError, RunError, UnreachableError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

LOCAL: Final = "local"
"""Instead of an address: workers on this machine, one for each core, that end with the command."""

_PACKAGES: Final = ("sentiment-core", "sentiment-train")
_SECONDS_TO_CONNECT: Final = 20
_SECONDS_WITHOUT_WORKERS: Final = 60
_TASKS_AHEAD: Final = 2
"""Tasks for each thread that are sent before they are needed: this bounds the memory."""
_SHARE_OF_MEMORY: Final = 0.4
"""Of this machine, for all local workers; beyond it they write what they hold to the disk."""

_CONFIGURATION: Final = {
    # A model goes to the scheduler as a task of its own, and is no reason for a warning.
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
    # A local worker that is ended for its memory takes along what the others need.
    "distributed.worker.memory.terminate": False,
}

_Result = TypeVar("_Result")


class Cluster:
    """A connected cluster.

    Parameters
    ----------
    client : distributed.Client
        The connection.
    address : str
        What it is called in messages.
    """

    def __init__(self, client: "Client", address: str) -> None:
        self._client, self._address = client, address
        self._versions = _own_versions()

    def submit(
        self, function: Callable[..., Any], *arguments: object, urgent: bool = False
    ) -> "Future[Any]":
        """Have a function called on a worker, where its result stays.

        Parameters
        ----------
        function : callable
            Of a module that the workers can import.
        *arguments : object
            Futures among them stand for their results, and go from worker to worker.
        urgent : bool
            Before other tasks that could begin: one that takes in large results and gives a small
            one.

        Returns
        -------
        Future
            The result is lost when nobody holds this any more.
        """
        with self._told_as_lost():
            return self._client.submit(
                _call, self._versions, function, *arguments, pure=False, priority=int(urgent)
            )

    def send(self, value: object, *, everywhere: bool = False) -> "Future[Any]":
        """Send a value to a worker, or to all; it is lost if these die."""
        with self._told_as_lost():
            (future,) = self._client.scatter([value], broadcast=everywhere, hash=False)
        sent: Future[Any] = future
        return sent

    def result(self, future: "Future[Any]") -> Any:
        """Wait for a result and fetch it.

        Raises
        ------
        SentimentError
            What the function raised; or a plain word on the cluster.
        """
        while True:
            try:
                return future.result(timeout=_SECONDS_WITHOUT_WORKERS)
            except Exception as error:
                # The state of the task alone tells its own errors from those of the connection.
                if future.status != "error":
                    self._check_connection(error)
                    continue
                told = self._of_task(future.exception())
                if told is error:
                    raise
                raise told from error

    def _of_task(self, error: BaseException) -> BaseException:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return RunError(
                f"Workers of {self._address} died of the same task, one after the other, perhaps "
                "for want of memory: their logs say more."
            )
        if isinstance(error, ImportError):
            return ConflictError(
                f"The workers of {self._address} do not have what this needs ({error}): install "
                f"{_spelled(self._versions)} there."
            )
        if isinstance(error, OSError):
            return RunError(f"A worker of {self._address} failed: {error}.")
        return error

    def _check_connection(self, error: Exception) -> None:
        """Raise what is wrong with the cluster, if it is more than that it takes long."""
        from distributed.client import FutureCancelledError

        if isinstance(error, TimeoutError):
            self._check_workers()
        elif isinstance(error, FutureCancelledError) and "connection" not in str(error.reason):
            raise RunError(
                f"A worker of {self._address} is gone, and with it what others needed, perhaps for "
                "want of memory: its log says more. Give the command again."
            ) from error
        elif isinstance(error, OSError | FutureCancelledError):
            raise self._lost(error) from error
        else:
            raise error

    def n_threads(self) -> int:
        """Count the tasks that can run at once."""
        with self._told_as_lost():
            return sum(self._client.nthreads().values())

    def map(
        self,
        function: Callable[..., _Result],
        items: Iterable[object],
        *shared: object,
    ) -> Iterator[_Result]:
        """Call a function for each item; the results have the order of the items.

        Parameters
        ----------
        function : callable
            Takes an item and what all calls share.
        items : iterable
            Only so many are taken at once as the workers are about to need.
        *shared : object
            Futures among them stand for their results.

        Raises
        ------
        SentimentError
            As `result` does.
        """
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(self.submit(function, item, *shared))
            if len(waiting) >= max(1, self.n_threads()) * _TASKS_AHEAD:
                yield self.result(waiting.popleft())
        while waiting:
            yield self.result(waiting.popleft())

    def _check_workers(self) -> None:
        if not self.n_threads():
            raise RunError(
                f"{self._address} has had no worker for {_SECONDS_WITHOUT_WORKERS} seconds: start "
                f"some with `dask worker {self._address}`, and give the command again."
            )

    @contextmanager
    def _told_as_lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # TimeoutError is one
            raise self._lost(error) from error

    def _lost(self, error: BaseException) -> UnreachableError:
        return UnreachableError(
            f"The scheduler {self._address} does not answer any more, or no worker takes work "
            f"({str(error)[:200] or type(error).__name__}): give the command again when it does."
        )


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a cluster.

    Parameters
    ----------
    address : str
        Of its scheduler (``tcp://host:8786``, ``tls://…``), or `LOCAL`.

    Raises
    ------
    RunError
        If Dask is not installed, or the cluster has no worker.
    UnreachableError
        If no scheduler answers.
    """
    try:
        import dask
        import distributed  # noqa: F401 - `_client` needs it
    except ImportError as error:
        raise RunError(
            "A cluster needs Dask: install sentiment-cli[dask] (`./sentiment uv sync --inexact "
            "--extra dask` in the project's folder), here and on the workers."
        ) from error
    with dask.config.set(_CONFIGURATION), _client(address) as client:
        yield Cluster(client, address)


@contextmanager
def _client(address: str) -> "Iterator[Client]":
    from distributed import Client

    if address == LOCAL:
        with _local_cluster() as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UnreachableError(
            f"No Dask scheduler answers at {address}: start one with `dask scheduler`, and workers "
            f"with `dask worker {address}`."
        ) from error
    with client:
        _await_worker(client, address)
        yield client


def _await_worker(client: "Client", address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
    except TimeoutError as error:
        raise RunError(
            f"{address} has no workers: start some with `dask worker {address}`."
        ) from error


def _local_cluster() -> "LocalCluster":
    from distributed import LocalCluster
    from distributed.system import MEMORY_LIMIT

    count = os.cpu_count() or 1
    return LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        memory_limit=int(MEMORY_LIMIT * _SHARE_OF_MEMORY / count),
        dashboard_address=":0",
        # That memory gets short, or that a worker ends before its scheduler, is no news here.
        silence_logs=logging.CRITICAL,
    )


def _own_versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def _spelled(versions: dict[str, str]) -> str:
    return " and ".join(f"{name} {number}" for name, number in versions.items())


def _call(versions: dict[str, str], function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function on a worker that has the same versions as who asks for it."""
    mine = _own_versions()
    if mine != versions:
        raise ConflictError(
            f"A worker has {_spelled(mine)}, this machine {_spelled(versions)}: install the same."
        )
    return function(*arguments)
