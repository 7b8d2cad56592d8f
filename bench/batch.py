"""Measures `predict-batch`: rows a second and memory, beside what else labels a file.

One Parquet file of reviews, resampled. In one run: the command with one process and with one for
each core, scikit-learn's Pipeline.predict_proba on the texts in memory, and `mlflow models predict`
on a part of the file. All but scikit-learn's are timed from start to end, imports included. The
memory is that of all processes of the command together (their unique pages, twice a second).

Run: ./sentiment nox -s bench -- batch [rows, default 100000]
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from bench.reviews import fit_on_reviews, load_reviews

BIN = Path(sys.executable).parent
MLFLOW_ROWS = 20_000
ROW_GROUP = 10_000


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "SENTIMENT_HOME": f"{folder}/home"}
        reviews = write_reviews(folder / "in.parquet", rows)
        train = [str(BIN / "sentiment-cli"), "train", "--champion"]
        subprocess.run(train, env=environment, check=True, capture_output=True)
        print(f"{'':34}{'rows':>10}{'seconds':>9}{'rows/s':>9}{'MB':>7}")
        rates = {}
        for label, jobs in (("predict-batch, one process", 1), ("a process a core", None)):
            command = [
                str(BIN / "sentiment-cli"), "predict-batch", "in.parquet", f"out-{jobs}.parquet"
            ]  # fmt: skip
            command += ["--jobs", str(jobs)] if jobs else []
            seconds, memory = run(command, folder, environment)
            rates[label] = show(label, rows, seconds, memory)
        rates["sklearn"] = time_pipeline(reviews)
        rates["mlflow"] = time_mlflow(folder, reviews, environment)
        ours = rates["a process a core"]
        for label, rate in rates.items():
            print(f"a process a core / {label}: {ours / rate:.2f}")


def write_reviews(path: Path, rows: int) -> list[str]:
    """Write resampled reviews group by group; returns some of them."""
    texts, _ = load_reviews()
    draw = random.Random(0)
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, ROW_GROUP):
            count = min(ROW_GROUP, rows - start)
            columns = {
                "id": list(range(start, start + count)),
                "text": draw.choices(texts, k=count),
            }
            writer.write_table(pa.table(columns, schema))
    return texts[:MLFLOW_ROWS]


def run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end; returns its seconds and the most megabytes that it held."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = [0.0]
    watcher = threading.Thread(target=watch, args=(process, most))
    watcher.start()
    if process.wait():
        raise SystemExit(f"{command} failed")
    seconds = time.monotonic() - begin
    watcher.join()
    return seconds, most[0]


def watch(process: subprocess.Popen[bytes], most: list[float]) -> None:
    while process.poll() is None:
        try:
            parent = psutil.Process(process.pid)
            family = [parent, *parent.children(recursive=True)]
            held = sum(member.memory_full_info().uss for member in family) / 1e6
        except psutil.Error:
            continue
        most[0] = max(most[0], held)
        time.sleep(0.5)


def time_pipeline(reviews: list[str]) -> float:
    pipeline = fit_on_reviews()
    begin = time.monotonic()
    pipeline.predict_proba(reviews)
    return show("Pipeline.predict_proba", len(reviews), time.monotonic() - begin)


def time_mlflow(folder: Path, reviews: list[str], environment: dict[str, str]) -> float:
    import pandas as pd

    pd.DataFrame({"text": reviews}).to_csv(folder / "in.csv", index=False)
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/home/mlflow.db"}
    command = [
        str(BIN / "mlflow"), "models", "predict", "-m", "models:/sentiment-classifier@champion",
        "-i", "in.csv", "-t", "csv", "-o", "mlflow.json", "--env-manager", "local",
    ]  # fmt: skip
    seconds, memory = run(command, folder, {**environment, **tracking})
    return show("mlflow models predict", len(reviews), seconds, memory)


def show(label: str, rows: int, seconds: float, memory: float | None = None) -> float:
    rate = rows / seconds
    held = f"{memory:7.0f}" if memory else ""
    print(f"{label:34}{rows:>10,}{seconds:>9.1f}{rate:>9,.0f}{held}", flush=True)
    return rate


if __name__ == "__main__":
    main()
