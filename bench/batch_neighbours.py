"""Measures what short texts wait while other clients send the largest batches there may be.

One uvicorn worker; the short texts come from this process, the batches from another one.

Run: ./sentiment nox -s bench -- batch_neighbours [seconds for each figure, default 10]
"""

import multiprocessing
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from bench.load import Load, post_requests, run_load
from bench.reviews import SHORT_TEXT, fit_on_reviews, load_reviews
from bench.serving import export, measure, point_to, server, show
from sentiment_serve.settings import ServeSettings

SHORT_CONNECTIONS = 8
BATCH_CONNECTIONS = 4
PAIRS = 3


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        point_to(folder, export(folder, "1", fit_on_reviews()))
        ratios = []
        print(f"{'':44}{'req/s':>8}{'p50 ms':>9}{'p99 ms':>9}  failed")
        with server("ours", folder) as port:
            for _ in range(PAIRS):
                short = [{"text": SHORT_TEXT}]
                quiet = measure(port, "/predict", short, seconds, SHORT_CONNECTIONS)
                with batches(port, seconds) as answered:
                    beside = measure(port, "/predict", short, seconds, SHORT_CONNECTIONS)
                show("short text, quiet", quiet)
                show(f"short text, beside {BATCH_CONNECTIONS} full batches", beside)
                show("the full batches", answered[0])
                ratios.append(beside.percentile(99) / quiet.percentile(99))
    print(f"\np99 beside full batches, of the quiet one: {statistics.median(ratios):.1f} times "
          f"(median of {PAIRS}; target < 5)")  # fmt: skip


@contextmanager
def batches(port: int, seconds: float) -> Iterator[list[Load]]:
    """Send the largest batches that the API takes, from another process; yields what it saw."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    sender = context.Process(target=send_batches, args=(port, seconds, there))
    sender.start()
    here.recv()  # it has begun
    seen: list[Load] = []
    yield seen
    seen.append(here.recv())
    sender.join()


def send_batches(port: int, seconds: float, parent: Connection) -> None:
    requests = post_requests("/predict/batch", [{"texts": full_batch()}])
    parent.send("begun")
    # As long as the short texts, with their warming up.
    parent.send(run_load(port, requests, connections=BATCH_CONNECTIONS, seconds=seconds + 1))


def full_batch() -> list[str]:
    """Fill a request with real reviews: as many texts, and as many bytes, as there may be."""
    limits = {name: field.default for name, field in ServeSettings.model_fields.items()}
    count, size = limits["max_batch_size"], limits["max_body_bytes"] * 19 // 20
    texts, _ = load_reviews()
    words = " ".join(texts).encode("ascii", "ignore").decode().replace('"', "'")
    length = size // count
    return [words[start : start + length] for start in range(0, count * length, length)]


if __name__ == "__main__":
    main()
