"""A Dask scheduler and its workers, as processes of their own."""

import subprocess
from contextlib import contextmanager

from tests.support.processes import BIN, eventually, free_port


class DaskCluster:
    """Commands of Dask itself, which a test may kill."""

    def __init__(self, folder, environment):
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._folder, self._environment = folder, environment
        host, port = self.address.removeprefix("tcp://").split(":")
        self.scheduler = self._start("scheduler", "--host", host, "--port", port, "--no-dashboard")
        self.workers = []
        self._processes = [self.scheduler]

    def add_worker(self):
        """Start one more worker; it joins when it is ready."""
        worker = self._start(
            "worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--local-directory", self._folder,
        )  # fmt: skip
        self.workers.append(worker)
        self._processes.append(worker)

    def kill_worker(self):
        """SIGKILL the worker that has been there longest."""
        self.workers.pop(0).kill()

    def close(self):
        """End all of them."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, *arguments):
        with (self._folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [BIN / "dask", *map(str, arguments)], stdout=log, stderr=log,
                env=self._environment, cwd=self._folder,
            )  # fmt: skip


@contextmanager
def dask_cluster(folder, environment, workers=2):
    """Run a cluster whose workers have joined."""
    from distributed import Client

    cluster = DaskCluster(folder, environment)
    try:
        for _ in range(workers):
            cluster.add_worker()
        with Client(cluster.address, timeout=60, set_as_default=False) as client:
            eventually(lambda: len(client.nthreads()) == workers, seconds=60)
        yield cluster
    finally:
        cluster.close()
