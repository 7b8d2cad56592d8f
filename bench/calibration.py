"""Measures how far confidences are from shares: with and without the cross-validated calibration.

The expected calibration error on reviews that no model has seen, in 15 bins, and what the
calibration costs the fit.

Run: ./sentiment nox -s bench -- calibration [models of each size, default 3]
"""

import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from bench.reviews import UNSEEN_REVIEWS, draw_rows, fit_on_rows, load_reviews
from sentiment_core.params import load_params
from sentiment_train.model.bootstrap import figures_with_intervals

SIZES = (400, 1600, 12_000)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    texts, labels = load_reviews()
    unseen, truth = texts[-UNSEEN_REVIEWS:], np.array(labels[-UNSEEN_REVIEWS:])
    params = load_params(Path("params.yaml"))
    draw = random.Random(0)
    print(f"{'reviews':>8}{'calibrated':>12}{'accuracy':>10}{'error':>8}{'seconds':>9}")
    for size in SIZES:
        samples = [draw_rows(draw, size) for _ in range(count)]
        for folds in (None, params.model.calibration_folds):
            model = params.model.model_copy(update={"calibration_folds": folds})
            results = []
            for rows in samples:
                start = time.perf_counter()
                pipeline = fit_on_rows(
                    params.model_copy(update={"model": model}), texts, labels, rows
                )
                seconds = time.perf_counter() - start
                positive = pipeline.predict_proba(unseen)[:, 1]
                figures = figures_with_intervals(truth, positive, resamples=1)
                results.append(
                    (figures["accuracy"].value, figures["calibration_error"].value, seconds)
                )
            accuracy, error, seconds = (statistics.mean(x) for x in zip(*results, strict=True))
            name = "yes" if folds else "no"
            print(f"{size:>8}{name:>12}{accuracy:>10.4f}{error:>8.4f}{seconds:>9.1f}")


if __name__ == "__main__":
    main()
