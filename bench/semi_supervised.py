"""Measures what reviews without labels add, on reviews that no model has seen.

Each row is a model of so many labelled reviews; in every second one, all other reviews of the
package but 4,000 are learned from without their labels.

Run: ./sentiment nox -s bench -- semi_supervised [labels, default 2000] [seeds, default 3] [file]
"""

import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from bench.reviews import load_reviews
from sentiment_core.params import load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.semi_supervised import fit_semi_supervised
from sentiment_train.model.bootstrap import figures_with_intervals

UNSEEN = 4000


def main() -> None:
    n_labels, n_seeds = (
        int(sys.argv[n]) if len(sys.argv) > n else (2000, 3)[n - 1] for n in (1, 2)
    )
    params = load_params(Path(sys.argv[3] if len(sys.argv) > 3 else "params.yaml"))
    print(f"{n_labels} labels, {25_000 - n_labels - UNSEEN} reviews without, {UNSEEN} unseen ones")
    print(
        f"{'unlabelled':>10}{'accuracy':>10}{'error':>8}{'log loss':>10}{'terms':>9}{'seconds':>9}"
    )
    results: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    for seed in range(n_seeds):
        texts, labels = load_reviews(seed)
        unseen, truth = texts[-UNSEEN:], np.array(labels[-UNSEEN:])
        for with_them, rows in results.items():
            start = time.perf_counter()
            known, their_labels = texts[:n_labels], labels[:n_labels]
            if with_them:
                rest = texts[n_labels:-UNSEEN]
                pipeline = fit_semi_supervised(params, known, their_labels, rest)
            else:
                pipeline = fit_pipeline(params, known, their_labels)
            seconds = time.perf_counter() - start
            positive = pipeline.predict_proba(unseen)[:, 1]
            figures = figures_with_intervals(truth, positive, resamples=1)
            names = ("accuracy", "calibration_error", "log_loss")
            terms = len(pipeline["vectorizer"].vocabulary_)
            rows.append((*(figures[name].value for name in names), terms, seconds))
    for with_them, rows in results.items():
        accuracy, error, loss, terms, seconds = (
            statistics.mean(column) for column in zip(*rows, strict=True)
        )
        print(f"{'yes' if with_them else 'no':>10}{accuracy:>10.4f}{error:>8.4f}{loss:>10.4f}"
              f"{terms:>9.0f}{seconds:>9.1f}")  # fmt: skip
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
