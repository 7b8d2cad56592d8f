"""The real reviews that the benchmarks share, and how they take times."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sklearn.pipeline import Pipeline

from sentiment_core.params import Params, load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_train.data.sources.package import PackageSource

TRAINING_REVIEWS = 2000
TRAINING_POOL, UNSEEN_REVIEWS = 15_000, 10_000
"""The first reviews, which many models are drawn from, and the last ones, which none has seen."""

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


def draw_rows(draw: random.Random, size: int) -> list[int]:
    """Draw some of the reviews that models are fitted on, by their places."""
    return draw.sample(range(TRAINING_POOL), size)


def fit_on_rows(
    params: Params, texts: Sequence[str], labels: Sequence[int], rows: Sequence[int]
) -> Pipeline:
    """Fit the pipeline on some of the reviews."""
    return fit_pipeline(params, [texts[row] for row in rows], [labels[row] for row in rows])


def best_seconds(function: Callable[[], object], *, repeats: int) -> float:
    """Return the shortest of several runs: the one that the machine disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
