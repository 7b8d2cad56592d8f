"""Compares the portable scorer with scikit-learn's Pipeline.predict_proba, in one run.

Run: ./sentiment nox -s bench -- scorer [training reviews, default 2000]
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.reviews import SHORT_TEXT, best_seconds, load_reviews
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.params import load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import LinearScorer

SINGLES = 200
REPEATS = 5


def main() -> None:
    n_train = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    texts, labels = load_reviews()
    pipeline = fit_pipeline(load_params(Path("params.yaml")), texts[:n_train], labels[:n_train])
    built = scorer_from_pipeline(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scorer.bin")
        built.save(path)
        size = path.stat().st_size
        scorer = LinearScorer.load(path)
        load = best_seconds(lambda: LinearScorer.load(path), repeats=REPEATS)
    unseen = texts[-2000:]
    difference = np.abs(scorer.predict_proba(unseen) - pipeline.predict_proba(unseen)).max()
    print(
        f"{scorer.n_terms:,} terms, {size / scorer.n_terms:.1f} bytes a term, loads in {load:.3f} s"
    )
    print(f"largest difference on {len(unseen)} reviews: {difference:.1e}")
    print(f"{'':24}{'scikit-learn':>14}{'scorer':>12}{'ratio':>8}")

    singles = unseen[:SINGLES]
    compare(
        "one real review",
        lambda: [pipeline.predict_proba([text]) for text in singles],
        lambda: [scorer.predict_positive(text) for text in singles],
        SINGLES,
    )
    compare(
        "one short text",
        lambda: [pipeline.predict_proba([SHORT_TEXT]) for _ in range(SINGLES)],
        lambda: [scorer.predict_positive(SHORT_TEXT) for _ in range(SINGLES)],
        SINGLES,
    )
    compare(
        "a review in a batch",
        lambda: pipeline.predict_proba(unseen),
        lambda: scorer.predict_proba(unseen),
        len(unseen),
    )


def compare(
    name: str, baseline: Callable[[], object], ours: Callable[[], object], count: int
) -> None:
    slow = best_seconds(baseline, repeats=REPEATS) / count * 1e6
    fast = best_seconds(ours, repeats=REPEATS) / count * 1e6
    print(f"{name:24}{slow:>11.1f} µs{fast:>9.1f} µs{slow / fast:>7.1f}×")


if __name__ == "__main__":
    main()
