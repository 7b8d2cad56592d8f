"""What stands in the way of a candidate whose figure is the better one."""

import numpy as np
import pytest

from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_train.model.behaviour import BehaviourCheck
from sentiment_train.model.guardrails import ScoredModel, check_guardrails
from tests.support.promotion_rules import make_guardrails

SHORT, LONG = "good", " ".join(["word"] * 20)
TEXTS = [SHORT] * 40 + ["a good film"] * 40 + [LONG] * 40
LABELS = np.tile([0, 1], 60)
RIGHT = np.where(LABELS == 1, 0.99, 0.01)
CHECK = BehaviourCheck(name="praise", expects="more positive", pairs=(("a film", "a good film"),))


def make_scorer(good=4.0, words=1):
    terms = ["good", *(f"w{number:06d}" for number in range(words))]
    vocabulary, _ = Vocabulary.from_terms(terms)
    coefficients = np.zeros(len(terms))
    coefficients[0] = good
    return LinearScorer(
        vocabulary=vocabulary, idf=np.ones(len(terms)), coefficients=coefficients, intercept=0.0,
        max_ngram=1, sublinear_tf=True,
    )  # fmt: skip


def model(probabilities=RIGHT, **scorer):
    return ScoredModel(make_scorer(**scorer), probabilities)


def look(limits, candidate, champion, checks=()):
    return check_guardrails(
        make_guardrails(**limits), candidate, champion, TEXTS, LABELS, checks
    )  # fmt: skip


def wrong_on(rows):
    probabilities = RIGHT.copy()
    probabilities[rows] = 1 - probabilities[rows]
    return probabilities


def test_nothing_is_looked_at_that_has_no_limit():
    assert look({}, model(1 - RIGHT), model()) == []


@pytest.mark.parametrize(("wrong", "broken"), [(4, False), (5, True)])
def test_a_slice_may_lose_as_much_as_is_allowed(wrong, broken):
    """4 of 40 are a tenth."""
    found = look({"slice_loss": 0.1}, model(wrong_on(slice(80, 80 + wrong))), model())
    assert [guardrail.broken for guardrail in found] == [False, False, broken]
    assert found[2].finding == (
        f"accuracy {1 - wrong / 40:.3f} against 1.000 on 40 reviews of 20 to 20 words"
    )


def test_a_slice_of_a_few_reviews_says_nothing():
    few = slice(100, None)
    candidate, champion = ScoredModel(make_scorer(), 1 - RIGHT[few]), model(RIGHT[few])
    found = check_guardrails(
        make_guardrails(slice_loss=0.1), candidate, champion, TEXTS[few], LABELS[few]
    )
    assert found == []


@pytest.mark.parametrize(
    ("mine", "its", "broken"), [(0.99, 0.99, False), (0.7, 0.99, True), (0.7, 0.6, False)]
)
def test_probabilities_may_not_be_far_from_what_comes_true_unless_the_champions_are_as_well(
    mine, its, broken
):
    sure = [np.where(LABELS == 1, sureness, 1 - sureness) for sureness in (mine, its)]
    (found,) = look({"calibration_error": 0.1}, model(sure[0]), model(sure[1]))
    assert found.broken is broken
    assert found.finding == f"{1 - mine:.3f} against {1 - its:.3f}, 0.1 allowed"


@pytest.mark.parametrize(("words", "broken"), [(1000, False), (100_000, True)])
def test_a_scorer_may_be_as_large_as_is_allowed(words, broken):
    (found,) = look({"megabytes": 1}, model(words=words), model())
    assert found.broken is broken


def test_a_review_may_take_as_much_longer_as_is_allowed():
    """Both are as fast; only the limit differs."""
    for limit, broken in ((100, False), (0.01, True)):
        (found,) = look({"slowdown": limit}, model(), model())
        assert found.broken is broken


@pytest.mark.parametrize(
    ("mine", "its", "broken"), [(4.0, 4.0, False), (-4.0, 4.0, True), (-4.0, -4.0, False)]
)
def test_what_the_champion_does_with_a_change_the_candidate_does_too(mine, its, broken):
    (found,) = look({}, model(good=mine), model(good=its), [CHECK])
    assert found.broken is broken
    assert found.finding == f"passes {int(mine > 0)} of 1 checks, the champion {int(its > 0)}"
