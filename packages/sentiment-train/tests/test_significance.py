"""How often a gain is taken for real that is none, and how often a real one is seen."""

import numpy as np
import pytest

from sentiment_train.model.significance import log_losses, p_value_of_gain

ROUNDS, ROWS, ALPHA = 1000, 400, 0.05


def models(rng, quality):
    """Labels, and what two models of some quality say of them, partly agreeing."""
    labels = rng.integers(0, 2, ROWS)
    signs = 2 * labels - 1
    common = rng.normal(size=ROWS)
    decisions = [level * signs + common + 0.5 * rng.normal(size=ROWS) for level in quality]
    return labels, *(1 / (1 + np.exp(-decision)) for decision in decisions)


def share_found(quality):
    rng = np.random.default_rng(5)
    return np.mean([p_value_of_gain(*models(rng, quality)) <= ALPHA for _ in range(ROUNDS)])


def test_of_equal_models_as_many_are_taken_for_better_as_alpha_says():
    assert share_found((1.5, 1.5)) == pytest.approx(ALPHA, abs=0.02)


def test_a_better_model_is_seen_and_a_worse_one_hardly_ever():
    assert share_found((1.65, 1.5)) > 0.9
    assert share_found((1.5, 1.65)) < 0.002


@pytest.mark.parametrize(
    ("labels", "candidate", "rival"),
    [
        ([1, 0, 1], [0.9, 0.2, 0.7], [0.9, 0.2, 0.7]),
        ([1], [0.9], [0.1]),
        ([], [], []),
        ([1, 1], [0.5, 0.5], [1.0, 1.0]),
    ],
    ids=["the same", "one row", "no rows", "surely worse"],
)
def test_what_shows_no_gain_has_the_p_value_1(labels, candidate, rival):
    arrays = np.array(labels, dtype=int), np.array(candidate), np.array(rival)
    assert p_value_of_gain(*arrays) == pytest.approx(1.0)


def test_what_is_better_by_the_same_on_each_row_is_no_chance():
    labels = np.ones(80, dtype=int)
    assert p_value_of_gain(labels, np.full(80, 0.9), np.full(80, 0.6)) == 0.0


def test_a_sure_mistake_has_a_bounded_cost():
    losses = log_losses(np.array([1, 0, 1]), np.array([0.0, 1.0, 1.0]))
    assert losses == pytest.approx([13.8155, 13.8155, 0.0], abs=1e-4)
