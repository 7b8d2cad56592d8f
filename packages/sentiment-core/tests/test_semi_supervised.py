"""Reviews without labels: they teach what goes together, and nothing is lost where they do not."""

import numpy as np
import pytest

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import ParamsError
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.semi_supervised import fit_semi_supervised

WORDS = np.array([f"word{number}" for number in range(200)])


class Language:
    """Texts of ten words; those of the first half are likelier in positive texts."""

    def __init__(self, seed, positive_share=0.5):
        self._rng = np.random.default_rng(seed)
        self._positive_share = positive_share

    def texts(self, count):
        labels = (self._rng.random(count) < self._positive_share).astype(int)
        likely = np.where(np.arange(len(WORDS)) < len(WORDS) // 2, 1.6, 0.4)
        shares = [likely[::-1] / likely.sum(), likely / likely.sum()]
        words = [self._rng.choice(WORDS, size=10, p=shares[label]) for label in labels]
        return [" ".join(row) for row in words], labels


def costs(pipeline, texts, labels):
    positive = pipeline.predict_proba(texts)[:, 1]
    return -np.log(np.where(labels == 1, positive, 1 - positive)).mean()


@pytest.fixture
def calibrated(make_params):
    return make_params(
        model={"calibration_folds": 4}, vectorizer={"ngram_range": [1, 1]},
        semi_supervised={"min_df": 2},
    )  # fmt: skip


def test_few_labels_and_many_texts_are_worth_more_than_few_labels(calibrated):
    language = Language(1)
    (texts, labels), (unlabelled, _), unseen = (language.texts(n) for n in (40, 2000, 2000))
    alone = costs(fit_pipeline(calibrated, texts, labels), *unseen)
    together = costs(fit_semi_supervised(calibrated, texts, labels, unlabelled), *unseen)
    assert together < 0.9 * alone


def test_the_scorer_of_it_is_as_plain_as_any(calibrated):
    language = Language(2)
    (texts, labels), (unlabelled, _), (unseen, _) = (language.texts(n) for n in (40, 300, 50))
    pipeline = fit_semi_supervised(calibrated, texts, labels, unlabelled)
    scorer = scorer_from_pipeline(pipeline)
    expected = pipeline.predict_proba(unseen)
    np.testing.assert_allclose(scorer.predict_proba(unseen), expected, rtol=0, atol=1e-12)


def test_the_same_reviews_give_the_same_model(calibrated):
    language = Language(3)
    (texts, labels), (unlabelled, _) = (language.texts(n) for n in (40, 300))
    first, second = (
        scorer_from_pipeline(fit_semi_supervised(calibrated, texts, labels, unlabelled)).digest
        for _ in range(2)
    )
    assert first == second


def test_the_classes_keep_the_shares_that_the_labels_have(calibrated):
    language = Language(4, positive_share=0.85)
    (texts, labels), (unlabelled, _), (unseen, truth) = (
        language.texts(n) for n in (150, 1500, 1500)
    )
    pipeline = fit_semi_supervised(calibrated, texts, labels, unlabelled)
    assert pipeline.predict_proba(unseen)[:, 1].mean() == pytest.approx(truth.mean(), abs=0.07)


@pytest.mark.parametrize("unlabelled", [["word1"], ["nothing known"], ["word1 word2"] * 500])
def test_texts_that_teach_nothing_do_no_harm(calibrated, unlabelled):
    (texts, labels), unseen = (Language(5).texts(n) for n in (200, 1000))
    alone = costs(fit_pipeline(calibrated, texts, labels), *unseen)
    together = costs(fit_semi_supervised(calibrated, texts, labels, unlabelled), *unseen)
    assert together < alone + 0.02


def test_it_needs_two_reviews_of_each_class(calibrated):
    with pytest.raises(ValueError, match="two labelled reviews"):
        fit_semi_supervised(calibrated, ["word1 word2", "word1 word3"], [0, 1], ["word1"] * 9)


def test_parameters_without_folds_are_refused(make_params):
    with pytest.raises(ParamsError, match="calibration_folds"):
        make_params(data={"unlabelled": "texts.csv"})
