import math

import pytest

from sentiment_core.labels import classify
from sentiment_train.model.evaluation import evaluate, is_better

LABELS = [0, 0, 0, 1, 1]
PROBABILITIES = [0.1, 0.2, 0.9, 0.8, 0.4]


def test_figures_follow_their_definitions():
    result = evaluate(LABELS, PROBABILITIES)
    assert result.confusion_matrix() == [[2, 1], [1, 1]]
    assert result.accuracy == pytest.approx(3 / 5)
    assert result.precision == result.recall == result.f1 == pytest.approx(1 / 2)
    assert result.roc_auc == pytest.approx(4 / 6)
    assert result.brier == pytest.approx((0.01 + 0.04 + 0.81 + 0.04 + 0.36) / 5)
    chances = [0.9, 0.8, 0.1, 0.8, 0.4]
    assert result.log_loss == pytest.approx(-sum(map(math.log, chances)) / 5)
    assert set(result.metrics()) == {
        "accuracy",
        "f1",
        "precision",
        "recall",
        "roc_auc",
        "log_loss",
        "brier",
    }


def test_one_class_or_other_lengths_are_refused():
    with pytest.raises(ValueError, match="both classes"):
        evaluate([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="one probability per label"):
        evaluate([1, 0], [0.1])


def test_better_is_strict_and_knows_the_direction():
    assert is_better(0.9, 0.8, "f1")
    assert not is_better(0.8, 0.8, "f1")
    assert is_better(0.2, 0.3, "brier")
    assert not is_better(0.3, 0.3, "log_loss")


def test_the_label_agrees_with_the_evaluated_decision():
    assert classify(0.5) == ("positive", 0.5)
    assert classify(0.1) == ("negative", 0.9)
