"""Simulates promotions: how many let a worse model serve, and how many miss a better one.

Models of different training sizes, and many of one recipe that differ by their sample alone, meet
in pairs on 400 held-out reviews that neither has seen. Which one is truly better is measured on
all the other unseen reviews. Each rule asks for a better accuracy and, but for the first, for a
p-value of at most ``promotion.alpha``.

Run: ./sentiment nox -s bench -- promotion [models of each size, default 4]
"""

import random
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bench.reviews import UNSEEN_REVIEWS, draw_rows, fit_on_rows, load_reviews
from sentiment_core.params import load_params
from sentiment_train.model.significance import p_value_of_gain

HELD_OUT = 400
ONE_RECIPE = 1600
SIZES = (800, 1100, 2400, 3600)
TWO_POINTS = (0.018, 0.024)

Labels = NDArray[np.int_]
Probabilities = NDArray[np.float64]
PValue = Callable[[Labels, Probabilities, Probabilities], float]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    sizes = [ONE_RECIPE] * (3 * count) + [size for size in SIZES for _ in range(count)]
    texts, labels = load_reviews()
    unseen, truth = texts[-UNSEEN_REVIEWS:], np.array(labels[-UNSEEN_REVIEWS:])
    params = load_params(Path("params.yaml"))
    draw = random.Random(0)
    models = []
    for size in sizes:
        pipeline = fit_on_rows(params, texts, labels, draw_rows(draw, size))
        models.append(pipeline.predict_proba(unseen)[:, 1])
    print(f"{'':36}{'worse, of all':>15}{'of one recipe':>15}{'2 points seen':>15}")
    for name, p_value in RULES.items():
        show(name, *simulate(p_value, params.promotion.alpha, models, sizes, truth))
    print(f"{'target':36}{'≤ 10 %':>15}{'':>15}{'≥ 80 %':>15}")


def simulate(
    p_value: PValue,
    alpha: float,
    models: list[Probabilities],
    sizes: list[int],
    truth: Labels,
) -> tuple[float, float, float]:
    """Return the shares of worse ones among the promoted, and of models 2 points better seen."""
    right = np.array([(model >= 0.5) == truth for model in models])
    promoted: list[tuple[bool, bool]] = []  # worse, of one recipe
    seen: list[bool] = []
    for start in range(0, len(truth), HELD_OUT):
        held_out = np.arange(start, start + HELD_OUT)
        accuracy = np.delete(right, held_out, axis=1).mean(axis=1)
        for mine, rival in permutations(range(len(models)), 2):
            gain = accuracy[mine] - accuracy[rival]
            on_rows = truth[held_out], models[mine][held_out], models[rival][held_out]
            is_better = right[mine, held_out].sum() > right[rival, held_out].sum()
            wins = bool(is_better and p_value(*on_rows) <= alpha)
            if wins:
                promoted.append((gain < 0, sizes[mine] == sizes[rival] == ONE_RECIPE))
            if TWO_POINTS[0] <= gain <= TWO_POINTS[1]:
                seen.append(wins)
    worse, one_recipe = np.array(promoted).T
    return float(worse.mean()), float(worse[one_recipe].mean()), float(np.mean(seen))


def any_gain(_labels: Labels, _mine: Probabilities, _rival: Probabilities) -> float:
    return 0.0


def mcnemar(labels: Labels, mine: Probabilities, rival: Probabilities) -> float:
    is_right, its_right = (mine >= 0.5) == labels, (rival >= 0.5) == labels
    only_mine, only_its = int((is_right & ~its_right).sum()), int((its_right & ~is_right).sum())
    return float(binomtest(only_mine, only_mine + only_its, alternative="greater").pvalue)


RULES: dict[str, PValue] = {
    "any gain": any_gain,
    "McNemar's test": mcnemar,
    "paired t-test of the log losses": p_value_of_gain,
}


def show(name: str, *shares: float) -> None:
    print(f"{name:36}" + "".join(f"{share:>15.1%}" for share in shares))


if __name__ == "__main__":
    main()
