"""Measures what the API needs on its own: installed size, time to readiness, memory.

Installs sentiment-serve alone into an environment of its own, and starts it as a user would: from
its cache, and with an empty cache from a registry server (MLflow of this environment). Several
workers, which are forked, are compared with those that uvicorn starts by itself.

Run: ./sentiment nox -s bench -- serving_footprint
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import mlflow
import psutil

from bench.reviews import SHORT_TEXT, fit_on_reviews
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.model_package import write_package
from sentiment_core.registry_names import CHAMPION, DEFAULT_MODEL_NAME, PACKAGE_DIRECTORY
from sentiment_train.registry.versions import Registry
from sentiment_train.results import LoggedModel
from sentiment_train.running.ports import free_port

REPEATS = 5
MEBIBYTE = 1 << 20
WORKERS = 3


class Start(NamedTuple):
    """Seconds to readiness, and megabytes after some predictions."""

    seconds: float
    resident: float
    further: float
    """What no other process has, of the process that has most of those that are forked."""
    whole: float
    """Of all processes, what they share counted once."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder / "venv")
        size = sum(path.lstat().st_size for path in (folder / "venv").rglob("*")) / MEBIBYTE
        print(f"{size:7.0f} MB installed with bytecode (target ≤ 200)")
        binaries = folder / "venv/bin"
        api = [f"{binaries}/sentiment-serve"]
        uvicorn = [f"{binaries}/uvicorn", "sentiment_serve.app:app", "--no-access-log"]
        with registry_server(folder) as uri:
            register_model(uri, folder)
            fetched = [start(api, uri, folder / f"home-{n}").seconds for n in range(REPEATS)]
            print(f"{min(fetched):7.2f} s to ready from a registry server (target ≤ 6)")
            home = folder / "home-0"
            alone = [start(api, uri, home) for _ in range(REPEATS)]
            pairs = [
                (start(api, uri, home, WORKERS), start(uvicorn, uri, home, WORKERS))
                for _ in range(REPEATS)
            ]
        print(f"{min(each.seconds for each in alone):7.2f} s to ready from the cache (target ≤ 3)")
        most = max(each.resident for each in alone)
        print(f"{most:7.0f} MB resident after 200 predictions (target ≤ 120)")
        further = max(forked.further for forked, _ in pairs)
        print(f"{further:7.0f} MB of its own has each of {WORKERS} workers (target ≤ 40)")
        memory = median(forked.whole / fresh.whole for forked, fresh in pairs)
        seconds = median(forked.seconds / fresh.seconds for forked, fresh in pairs)
        print(f"{memory:7.2f} of the memory of {WORKERS} workers that uvicorn starts by itself")
        print(f"{seconds:7.2f} of their time until the first is ready")


def install(environment: Path) -> None:
    subprocess.run(
        ["uv", "sync", "-q", "--locked", "--package", "sentiment-serve", "--no-default-groups",
         "--no-editable", "--compile-bytecode", "--python", sys.executable],
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)}, check=True,
    )  # fmt: skip


@contextmanager
def registry_server(folder: Path) -> Iterator[str]:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(f"{uri}/health")
        yield uri
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def register_model(uri: str, folder: Path) -> None:
    scorer = scorer_from_pipeline(fit_on_reviews())
    package = folder / PACKAGE_DIRECTORY
    write_package(package, scorer, metrics={}, examples=[SHORT_TEXT], model_card="# x\n")
    mlflow.set_tracking_uri(uri)
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(
            name="model", loader_module="sentiment_core.pyfunc", data_path=str(package),
            pip_requirements=[],
        )  # fmt: skip
    registry = Registry(DEFAULT_MODEL_NAME)
    version = registry.register(LoggedModel(run.info.run_id, info.model_uri, scorer.digest))
    registry.set_alias(CHAMPION, version)


def start(command: Sequence[str], uri: str, home: Path, workers: int = 1) -> Start:
    """Start an API, ask it some predictions, and end it."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": uri, "SENTIMENT_HOME": str(home), "ACCESS_LOG": "false",
        "PORT": port, "WORKERS": str(workers),  # of ours
        "UVICORN_PORT": port, "WEB_CONCURRENCY": str(workers),  # of uvicorn's own command
    }  # fmt: skip
    begin = time.perf_counter()
    with home.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"{url}/readyz")
        seconds = time.perf_counter() - begin
        wait_for_workers(Path(log.name), workers)
        for _ in range(200 * workers):
            urllib.request.urlopen(
                urllib.request.Request(
                    f"{url}/predict",
                    b'{"text": "a fine film"}',
                    {"Content-Type": "application/json"},
                )
            ).close()
        main = psutil.Process(process.pid)
        memory = [main.memory_full_info()]
        further = 0.0
        for child in main.children(recursive=True):
            memory.append(child.memory_full_info())
            if child.ppid() != main.pid:
                further = max(further, memory[-1].uss / MEBIBYTE)
        whole = sum(each.pss for each in memory) / MEBIBYTE
        return Start(seconds, memory[0].rss / MEBIBYTE, further, whole)
    finally:
        process.terminate()
        process.wait()


def wait_for_workers(log: Path, count: int) -> None:
    for _ in range(600):
        if log.read_text().count("startup complete") == count:
            return
        time.sleep(0.1)
    raise SystemExit("the workers do not start")


def wait_for(url: str, seconds: float = 60) -> None:
    deadline = time.perf_counter() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


if __name__ == "__main__":
    main()
