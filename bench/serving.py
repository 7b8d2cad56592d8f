"""Compares the API with what bounds it and with a naive scikit-learn server, in one run.

One uvicorn worker each; the load comes from this process. Real reviews are those of the data
package that the model was not trained on.

Run: ./sentiment nox -s bench -- serving [seconds for each figure, default 5]
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sklearn.pipeline import Pipeline

from bench.load import Load, post_requests, run_load
from bench.reviews import SHORT_TEXT, fit_on_reviews, load_reviews
from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.model_package import write_package
from sentiment_serve.process.event_loop import EVENT_LOOP
from sentiment_train.running.ports import free_port

CONNECTIONS = 32
BATCH = 32
RELOAD_SECONDS = 2.0
BUSY_SHARE = 0.7


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    texts, _ = load_reviews()
    reviews = texts[-1000:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = fit_on_reviews()
        versions = [
            export(folder, str(number), pipeline)
            for number in range(1, int(2 * seconds / RELOAD_SECONDS) + 3)
        ]
        point_to(folder, versions[0])
        short = [{"text": SHORT_TEXT}]
        real = [{"text": text} for text in reviews]
        batches = [
            {"texts": reviews[start : start + BATCH]} for start in range(0, len(reviews), BATCH)
        ]
        with server("ours", folder) as port:
            ceiling = measure(port, "/ceiling", short, seconds)
            ours = measure(port, "/predict", short, seconds)
            ours_real = measure(port, "/predict", real, seconds)
            busy = measure(port, "/predict", real, seconds, rate=BUSY_SHARE * ours_real.rate)
            batch = measure(port, "/predict/batch", batches, seconds, connections=4)
            with reload_loop(folder, versions[1:]):
                reloading = measure(port, "/predict", real, seconds * 2)
        with server("bare", folder) as port:
            bare = measure(port, "/predict", real, seconds)
            busy_bare = measure(port, "/predict", real, seconds, rate=BUSY_SHARE * bare.rate)
        with server("naive", folder) as port:
            naive = measure(port, "/predict", short, seconds)
            naive_real = measure(port, "/predict", real, seconds)
    print(f"{'':44}{'req/s':>8}{'p50 ms':>9}{'p99 ms':>9}  failed")
    show("bare ASGI: parses, answers a constant, real", bare)
    show(f"bare ASGI, {BUSY_SHARE:.0%} of that rate", busy_bare)
    show("ceiling: FastAPI only validates, short text", ceiling)
    show("/predict, short text", ours)
    show("naive, short text", naive)
    show("/predict, real reviews", ours_real)
    show(f"/predict, real reviews, {BUSY_SHARE:.0%} of that rate", busy)
    show(f"/predict, real reviews, reload each {RELOAD_SECONDS:g} s", reloading)
    show("naive, real reviews", naive_real)
    show(f"/predict/batch, {BATCH} real reviews", batch)
    print()
    ratio("short text: the ceiling's rate times", ours.rate / ceiling.rate, "≥ 0.8")
    ratio("real reviews: of the bare application's", ours_real.rate / bare.rate, "≥ 0.4")
    ratio("short text: naive's rate times", ours.rate / naive.rate, "≥ 6")
    ratio("real reviews: naive's rate times", ours_real.rate / naive_real.rate, "≥ 5")
    p99 = ours_real.percentile(99)
    ratio("real reviews: of naive's p99", p99 / naive_real.percentile(99), "≤ 0.2")
    spread, spread_bare = (load.percentile(99) / load.percentile(50) for load in (busy, busy_bare))
    ratio("not quite busy: the p50 times", spread, "≤ 1.5")
    ratio("not quite busy: of the bare application's", spread / spread_bare, "≤ 1")
    ratio("reloading: the quiet p99 times", reloading.percentile(99) / p99, "≤ 2")
    ratio("batch: the reviews a second times", batch.rate * BATCH / ours_real.rate, "≥ 3")


def export(folder: Path, version: str, pipeline: Pipeline) -> ChampionPointer:
    """Write another model, however little, so that no cache knows it."""
    pipeline["classifier"].intercept_ += 1e-9
    scorer = scorer_from_pipeline(pipeline)
    write_package(folder / version, scorer, metrics={}, examples=[SHORT_TEXT], model_card="# x\n")
    return ChampionPointer("bench", version, "", version, scorer.digest)


def point_to(folder: Path, version: ChampionPointer) -> None:
    part = folder / ".part"
    part.write_text(version.to_json())
    part.replace(folder / POINTER_FILE)


@contextmanager
def server(name: str, folder: Path) -> Iterator[int]:
    port = free_port()
    environment = os.environ | {
        "MODEL_SOURCE": folder.as_uri(), "SENTIMENT_HOME": str(folder / "home"),
        "ACCESS_LOG": "false", "MODEL_RELOAD_INTERVAL": "0.5",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", f"bench.serving_apps:{name}_application",
         "--port", str(port), "--no-access-log", "--log-level", "warning", "--loop", EVENT_LOOP],
        env=environment,
    )  # fmt: skip
    try:
        wait_for_answer(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for_answer(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", b'{"text": "x"}', {"Content-Type": "application/json"}
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(request)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server does not answer")


def measure(
    port: int,
    path: str,
    bodies: Sequence[object],
    seconds: float,
    connections: int = CONNECTIONS,
    rate: float | None = None,
) -> Load:
    requests = post_requests(path, bodies)
    run_load(port, requests, connections=connections, seconds=1)  # warm up
    return run_load(port, requests, connections=connections, seconds=seconds, rate=rate)


@contextmanager
def reload_loop(folder: Path, versions: list[ChampionPointer]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        for version in versions:
            point_to(folder, version)
            if stop.wait(RELOAD_SECONDS):
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def show(name: str, load: Load) -> None:
    p50, p99 = load.percentile(50), load.percentile(99)
    print(f"{name:44}{load.rate:>8.0f}{p50:>9.2f}{p99:>9.2f}{load.failures:>8}")


def ratio(name: str, value: float, target: str) -> None:
    print(f"{name:44}{value:>8.2f}  (target {target})")


if __name__ == "__main__":
    main()
