"""Shows where the time of ``sentiment-cli train --champion`` goes, and its peak memory.

Run: ./sentiment nox -s bench -- training_phases [samples, default data.samples]
"""

import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

START = time.perf_counter()


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else None
    phases = Phases(START)
    from sentiment_core.params import load_params
    from sentiment_train.running.environment import configure_runtime
    from sentiment_train.running.temporary_prefect import start_temporary_prefect

    settings = configure_runtime()
    params = load_params(Path("params.yaml"))
    if samples:
        params = params.with_samples(samples)
    server = start_temporary_prefect(settings)
    phases.end("settings and parameters")
    from sentiment_train.flows import tasks
    from sentiment_train.flows.training import train_sentiment_model

    phases.end("imports (the Prefect server starts beside them)")
    if server:
        server.wait_until_ready()
    phases.end("rest of the wait for the server")
    for name in ("load_data", "split_data", "train_model", "evaluate_model", "show_metrics",
                 "refit_model", "log_mlflow", "register_model", "promote_champion"):  # fmt: skip
        task = getattr(tasks, name)
        task.fn = phases.timed(f"task {task.name}", task.fn)
    start = time.perf_counter()
    with server.used() if server else nullcontext():
        result = train_sentiment_model(params=params, promote=True)
    flow = time.perf_counter() - start
    phases.add("flow engine around the tasks", flow - phases.of_tasks())
    phases.print(time.perf_counter() - START)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MB; accuracy {result.metrics['accuracy']:.4f}")


class Phases:
    def __init__(self, start: float) -> None:
        self._last = start
        self._seconds: dict[str, float] = {}

    def end(self, name: str) -> None:
        now = time.perf_counter()
        self._seconds[name], self._last = now - self._last, now

    def add(self, name: str, seconds: float) -> None:
        self._seconds[name] = seconds

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._seconds[name] = time.perf_counter() - start

        return run

    def of_tasks(self) -> float:
        return sum(value for name, value in self._seconds.items() if name.startswith("task "))

    def print(self, total: float) -> None:
        for name, seconds in self._seconds.items():
            print(f"{seconds:7.2f} s  {seconds / total:5.0%}  {name}")
        print(f"{total:7.2f} s  in all, from the first line to the result")


if __name__ == "__main__":
    main()
