"""What is said of a model on labelled reviews."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.model.assessment import Slice, assess
from sentiment_train.model.behaviour import BehaviourCheck, load_checks, run_checks
from sentiment_train.model.label_noise import find_suspects
from sentiment_train.model.report import render_report

BEHAVIOUR = Path(__file__).parents[3] / "behaviour.yaml"


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
        Slice("length", "1 to 2 words", 3, pytest.approx(2 / 3)),
        Slice("length", "3 to 3 words", 2, 1.0),
        Slice("length", "4 to 4 words", 1, 0.0),
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


def test_a_column_cuts_the_reviews_into_those_of_each_value():
    shops = ["a", "b", "a", "", "a", "b"]
    slices = assess("1", GOOD, TEXTS, LABELS, columns={"shop": shops}).slices
    assert [part for part in slices if part.by == "shop"] == [
        Slice("shop", "a", 3, pytest.approx(2 / 3)),
        Slice("shop", "b", 2, 0.5),
        Slice("shop", "(empty)", 1, 1.0),
    ]


def test_a_report_shows_all_of_it_and_runs_nothing_of_a_review():
    evil = "bad <script>alert(1)</script>"
    texts, labels = [*TEXTS, evil] * 20, np.tile([*LABELS, 1], 20)
    checks = load_checks(BEHAVIOUR)
    result = assess("7", GOOD, texts, labels, against=("6", NONE), checks=checks)
    page = render_report("reviews", result, GOOD, texts, labels)
    assert "reviews version 7" in page
    assert "More than version 6" in page
    assert "<script" not in page
    assert "bad &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("data:image/png;base64,") == 5
    for check in result.behaviour:
        assert f"{check.n_passed} of {check.n_pairs}" in page


def test_behaviour_is_what_is_expected_or_a_failure_with_its_probabilities():
    checks = [
        BehaviourCheck(name="praise", expects="more positive", pairs=(("a", "a good"), ("a", "a"))),
        BehaviourCheck(name="reproach", expects="more negative", pairs=(("good", "good bad"),)),
        BehaviourCheck(name="same", expects="same", pairs=(("good", "GOOD!"), ("good", "bad"))),
    ]
    praise, reproach, same = run_checks(GOOD, checks)
    assert (praise.n_passed, reproach.n_passed, same.n_passed) == (1, 1, 1)
    assert (praise.failures[0].text, praise.failures[0].changed) == ("a", "a")
    (failure,) = same.failures
    assert (failure.text, failure.changed) == ("good", "bad")
    assert failure.probability > 0.9 > 0.1 > failure.probability_changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- name: x\n  expects: louder\n  pairs: [[a, b]]", r"0\.expects"),
        ("- name: x\n  expects: same\n  pairs: []", r"0\.pairs"),
        ("- name: x\n  expects: same\n  pairs: [[a]]", r"0\.pairs\.0"),
        ("just words", "no list of checks"),
        ("a: [", "Cannot read"),
        (None, "Cannot read"),
    ],
)
def test_a_file_of_checks_that_is_wrong_says_where(tmp_path, content, message):
    path = tmp_path / "behaviour.yaml"
    if content:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        load_checks(path)


@pytest.mark.slow
def test_labels_that_were_turned_are_suspected(params):
    reviews = PackageSource().load().sample(1000, random_state=3).reset_index(drop=True)
    turned = np.random.default_rng(1).choice(1000, 50, replace=False)
    reviews.loc[turned, "label"] = 1 - reviews.loc[turned, "label"]
    suspects = find_suspects(reviews, params)
    rows = [suspect.row - 1 for suspect in suspects]
    assert len(set(rows) & set(turned)) >= 25
    assert len(set(rows[:30]) & set(turned)) >= 15
    assert all(suspect.probability > 0.5 for suspect in suspects)
    assert suspects[0].text == reviews["text"].iloc[rows[0]]
    assert suspects[0].label != suspects[0].probably


def test_wrong_labels_need_two_reviews_of_each_class(params):
    with pytest.raises(DataError, match="two of each class"):
        find_suspects(pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 0, 1]}), params)
