"""Intervals: the points are scikit-learn's, and the truth lies within as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_train.model.bootstrap import figures_with_intervals, gains_with_intervals
from sentiment_train.model.evaluation import evaluate

rows = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([0.0, 0.2, 0.5, 0.50001, 0.9, 1.0])),
    min_size=2, max_size=60,
).filter(lambda rows: {label for label, _ in rows} == {0, 1})  # fmt: skip


def arrays(rows):
    labels, probabilities = zip(*rows, strict=True)
    return np.array(labels), np.array(probabilities)


@settings(deadline=None)
@given(rows)
def test_the_figures_are_those_of_the_evaluation(rows):
    labels, probabilities = arrays(rows)
    figures = figures_with_intervals(labels, probabilities, resamples=20)
    for name, value in evaluate(labels, probabilities).metrics().items():
        assert figures[name].value == pytest.approx(value, abs=1e-9), name
        assert figures[name].low <= figures[name].high


def sample(random, count):
    """Reviews of a calibrated model."""
    probabilities = random.beta(0.7, 0.7, count)
    return (random.random(count) < probabilities).astype(int), probabilities


def test_the_truth_lies_within_the_interval_as_often_as_it_says():
    random = np.random.default_rng(1)
    truth = evaluate(*sample(random, 400_000)).metrics()
    names = ("accuracy", "roc_auc", "log_loss", "brier")
    inside = dict.fromkeys(names, 0)
    for _ in range(200):
        figures = figures_with_intervals(*sample(random, 300), resamples=200)
        for name in names:
            inside[name] += figures[name].low <= truth[name] <= figures[name].high
    for name in names:
        assert 0.87 <= inside[name] / 200 <= 0.99, name


def test_a_calibrated_model_has_a_small_calibration_error_and_a_bold_one_a_large():
    random = np.random.default_rng(2)
    labels, probabilities = sample(random, 50_000)
    bold = probabilities**3 / (probabilities**3 + (1 - probabilities) ** 3)
    calibrated = figures_with_intervals(labels, probabilities, resamples=20)["calibration_error"]
    overconfident = figures_with_intervals(labels, bold, resamples=20)["calibration_error"]
    assert calibrated.value < 0.01
    assert overconfident.value > 0.08


def test_the_gain_over_itself_is_none_and_over_a_worse_one_is_certain():
    random = np.random.default_rng(3)
    labels, probabilities = sample(random, 1000)
    for name, gain in gains_with_intervals(labels, probabilities, probabilities).items():
        assert gain == (0.0, 0.0, 0.0), name
    noise = random.permutation(probabilities)
    gains = gains_with_intervals(labels, probabilities, noise)
    assert gains["accuracy"].low > 0.1
    assert gains["log_loss"].high < -0.1


def test_the_same_reviews_give_the_same_intervals():
    labels, probabilities = sample(np.random.default_rng(4), 100)
    first, second = (figures_with_intervals(labels, probabilities) for _ in range(2))
    assert first == second
    assert first != figures_with_intervals(labels, probabilities, seed=1)
