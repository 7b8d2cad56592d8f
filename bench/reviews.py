"""The real reviews that the benchmarks share, and how they take times."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from sklearn.pipeline import Pipeline

from sentiment_core.params import load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_train.data.sources.package import PackageSource

TRAINING_REVIEWS = 2000
SHORT_TEXT = "This movie is amazing!"


def load_reviews(seed: int = 0) -> tuple[list[str], list[int]]:
    """Return the 25,000 IMDb reviews and labels in a reproducible random order."""
    frame = PackageSource().load()
    order = list(range(len(frame)))
    random.Random(seed).shuffle(order)
    return frame["text"].iloc[order].tolist(), frame["label"].iloc[order].tolist()


def fit_on_reviews() -> Pipeline:
    """Fit the project's pipeline on some of the reviews; the last ones are unseen."""
    texts, labels = load_reviews()
    params = load_params(Path("params.yaml"))
    return fit_pipeline(params, texts[:TRAINING_REVIEWS], labels[:TRAINING_REVIEWS])


def best_seconds(function: Callable[[], object], *, repeats: int) -> float:
    """Return the shortest of several runs: the one that the machine disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
