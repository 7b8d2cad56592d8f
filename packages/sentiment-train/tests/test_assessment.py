"""What is said of a model on labelled reviews."""

import numpy as np
import pytest

from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_train.model.assessment import Slice, assess


def scorer_of(**weights):
    vocabulary, _ = Vocabulary.from_terms(sorted(weights))
    return LinearScorer(
        vocabulary=vocabulary, idf=np.ones(len(weights)),
        coefficients=np.array([weights[term] for term in sorted(weights)]),
        intercept=0.0, max_ngram=1, sublinear_tf=True,
    )  # fmt: skip


TEXTS = ["good", "good good", "bad film", "bad bad bad", "good but bad indeed", "unheard of here"]
LABELS = np.array([1, 0, 0, 0, 1, 1])
GOOD = scorer_of(good=3.0, bad=-4.0)
NONE = scorer_of(good=0.5, bad=0.5)


def test_wrong_answers_come_in_the_order_of_their_confidence_with_what_made_them():
    worst = assess("1", GOOD, TEXTS, LABELS).worst
    assert [(answer.row, answer.label, answer.predicted) for answer in worst] == [
        (2, "negative", "positive"), (5, "positive", "negative"),
    ]  # fmt: skip
    assert worst[0].confidence > worst[1].confidence
    assert [term.term for term in worst[0].terms] == ["good"]
    assert [term.term for term in worst[1].terms] == ["bad"]
    assert assess("1", GOOD, TEXTS, LABELS, n_worst=1).worst == worst[:1]


def test_slices_cover_all_reviews_and_name_their_lengths():
    assert assess("1", GOOD, TEXTS, LABELS).slices == [
        Slice("1 to 2 words", 3, pytest.approx(2 / 3)),
        Slice("3 to 3 words", 2, 1.0),
        Slice("4 to 4 words", 1, 0.0),
    ]


def test_reviews_without_a_known_word_are_counted():
    result = assess("1", GOOD, TEXTS, LABELS)
    assert (result.n_rows, result.n_positive, result.low_information) == (6, 3, 1)
    assert result.against is None


def test_a_better_model_gains_over_a_worse_one_and_not_the_other_way_round():
    better = assess("2", GOOD, TEXTS * 20, np.tile(LABELS, 20), against=("1", NONE))
    assert better.against.version == "1"
    assert better.against.differences["accuracy"].value == pytest.approx(4 / 6 - 3 / 6)
    worse = assess("1", NONE, TEXTS * 20, np.tile(LABELS, 20), against=("2", GOOD))
    assert worse.against.differences["accuracy"].value == pytest.approx(3 / 6 - 4 / 6)
    assert worse.against.p_value == pytest.approx(1 - better.against.p_value)
