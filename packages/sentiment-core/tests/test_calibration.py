"""Calibration: probabilities that mean what they say, folded into a plain classifier."""

import numpy as np
import pytest

from sentiment_core.calibration import platt_scaling
from sentiment_core.pipeline import fit_pipeline

rng = np.random.default_rng(3)


def logistic(decision):
    return 1 / (1 + np.exp(-decision))


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (2.5, -0.7), (0.4, 1.2)])
def test_platt_scaling_finds_the_line_that_the_labels_were_drawn_from(slope, intercept):
    decisions = rng.normal(scale=2, size=20_000)
    labels = (rng.random(20_000) < logistic(slope * decisions + intercept)).astype(int)
    assert platt_scaling(decisions, labels) == pytest.approx((slope, intercept), abs=0.1)


def test_decisions_that_separate_the_classes_give_no_certainty():
    """With few rows the smallest and largest probabilities stay those that Platt gives them."""
    decisions, labels = np.array([-1.0] * 8 + [1.0] * 8), np.array([0] * 8 + [1] * 8)
    slope, intercept = platt_scaling(decisions, labels)
    assert logistic(slope + intercept) == pytest.approx(9 / 10, abs=1e-3)
    assert logistic(intercept - slope) == pytest.approx(1 / 10, abs=1e-3)


WORDS = [f"word{number}" for number in range(60)]


def reviews(count, *, signal):
    """Texts of random words; those of the first half of the words hint at the positive class."""
    labels = rng.integers(0, 2, count)
    shares = np.where(np.arange(60) < 30, 1 + signal, 1 - signal)
    texts = []
    for label in labels:
        share = shares if label else shares[::-1]
        texts.append(" ".join(rng.choice(WORDS, size=12, p=share / share.sum())))
    return texts, labels


def error_on_unseen(params, signal):
    pipeline = fit_pipeline(params, *reviews(400, signal=signal))
    texts, labels = reviews(4000, signal=signal)
    positive = pipeline.predict_proba(texts)[:, 1]
    return -np.log(np.where(labels == 1, positive, 1 - positive)).mean()


def test_calibrated_probabilities_cost_less_on_unseen_texts(make_params):
    plain, calibrated = (
        error_on_unseen(make_params(model={"C": 1000.0, "calibration_folds": folds}), 0.2)
        for folds in (None, 5)
    )
    assert calibrated < 0.8 * plain
    assert calibrated < np.log(2)


def test_the_order_of_texts_is_that_of_the_plain_classifier(make_params):
    texts, labels = reviews(200, signal=0.3)
    plain, calibrated = (
        fit_pipeline(make_params(model={"calibration_folds": folds}), texts, labels)
        for folds in (None, 5)
    )
    orders = [
        np.argsort(model.decision_function(texts), kind="stable") for model in (plain, calibrated)
    ]
    assert np.array_equal(*orders)
    assert not np.allclose(plain["classifier"].coef_, calibrated["classifier"].coef_)


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["good", "bad"], [1, 0]),  # no two rows of a class
        (["good"] * 9 + ["bad"], [1] * 9 + [0]),
        (["same"] * 10, [0, 1] * 5),  # nothing to learn
        (["same words"] * 4 + ["other words"] * 4, [0, 0, 1, 1] * 2),
    ],
    ids=["a row each", "one of a class", "one text", "labels at random"],
)
def test_data_that_cannot_calibrate_leave_a_finite_classifier(make_params, texts, labels):
    pipeline = fit_pipeline(make_params(model={"calibration_folds": 5}), texts, labels)
    assert np.isfinite(pipeline.predict_proba(texts)).all()
    assert np.isfinite(pipeline["classifier"].coef_).all()
