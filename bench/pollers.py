"""Measures what replicas of the API cost the server that they ask for the champion.

Each replica asks at its MODEL_RELOAD_INTERVAL, with a jitter. As many connections as given ask one
after the other here, as fast as they are answered: the rate is the most that the server bears, and
says how many replicas that is at the default interval. Compared are an MLflow server on SQLite,
with one process and with four, and a file server with the exported pointer (`MODEL_SOURCE`), which
is what a bucket or a web server does.

Run: ./sentiment nox -s bench -- pollers [seconds for each figure, default 5]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient

from bench.load import Load, run_load
from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_serve.settings import ServeSettings
from sentiment_train.running.ports import free_port

CONNECTIONS = 32
NAME = "polled"
ALIAS_PATH = f"/api/2.0/mlflow/registered-models/alias?name={NAME}&alias=champion"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    interval = ServeSettings.model_fields["model_reload_interval"].default
    replicas = f"replicas at {interval:g} s"
    print(f"{'':28}{'req/s':>8}{'p50 ms':>9}{'p99 ms':>9}{replicas:>22}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for workers in (1, 4):
            with mlflow_server(folder, workers) as port:
                load = measure(port, ALIAS_PATH, seconds)
            show(f"MLflow, {workers} process(es)", load, interval)
        pointer = ChampionPointer(NAME, "1", "", "1", "0" * 64)
        (folder / POINTER_FILE).write_text(pointer.to_json())
        with file_server(folder) as port:
            load = measure(port, f"/{POINTER_FILE}", seconds)
        show("the pointer, a file", load, interval)


@contextmanager
def mlflow_server(folder: Path, workers: int) -> Iterator[int]:
    uri = f"sqlite:///{folder}/mlflow-{workers}.db"
    client = MlflowClient(uri)
    client.create_registered_model(NAME)
    client.create_model_version(NAME, f"{folder}/model")
    client.set_registered_model_alias(NAME, "champion", "1")
    port = free_port()
    command = [str(Path(sys.executable).parent / "mlflow"), "server", "--port", str(port),
               "--backend-store-uri", uri, "--workers", str(workers)]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}/health", folder):
        yield port


@contextmanager
def file_server(folder: Path) -> Iterator[int]:
    """Serve files by an application of few lines under the API's own server."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.pollers:files", "--port",
               str(port), "--no-access-log", "--log-level", "warning"]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}/{POINTER_FILE}", folder):
        yield port


def files() -> object:
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    return Starlette(routes=[Mount("/", StaticFiles(directory=os.environ["POLLED_FOLDER"]))])


@contextmanager
def started(command: list[str], url: str, folder: Path) -> Iterator[None]:
    environment = {**os.environ, "POLLED_FOLDER": str(folder)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url)
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield
    finally:
        process.terminate()
        process.wait()


def measure(port: int, path: str, seconds: float) -> Load:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    run_load(port, [request], connections=CONNECTIONS, seconds=1)  # warm up
    return run_load(port, [request], connections=CONNECTIONS, seconds=seconds)


def show(name: str, load: Load, interval: float) -> None:
    p50, p99 = load.percentile(50), load.percentile(99)
    print(f"{name:28}{load.rate:>8.0f}{p50:>9.1f}{p99:>9.1f}{load.rate * interval:>22,.0f}")
    if load.failures:
        print(json.dumps({"failed": load.failures}))


if __name__ == "__main__":
    main()
