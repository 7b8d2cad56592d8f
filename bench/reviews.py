"""The real reviews that the benchmarks share, and how they take times."""

import random
import time
from collections.abc import Callable

from sentiment_train.data.sources.package import PackageSource

SHORT_TEXT = "This movie is amazing!"


def load_reviews(seed: int = 0) -> tuple[list[str], list[int]]:
    """Return the 25,000 IMDb reviews and labels in a reproducible random order."""
    frame = PackageSource().load()
    order = list(range(len(frame)))
    random.Random(seed).shuffle(order)
    return frame["text"].iloc[order].tolist(), frame["label"].iloc[order].tolist()


def best_seconds(function: Callable[[], object], *, repeats: int) -> float:
    """Return the shortest of several runs: the one that the machine disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
