"""What is said of a text of which the model knows nothing."""

import pytest

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import BlankTextError
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.prediction import BLANK_TEXT, predict, predict_batch, prediction_of
from sentiment_core.scorer import SCALAR_PATH_MAX_WORDS

FILLER = "unheard " * (SCALAR_PATH_MAX_WORDS + 1)
UNKNOWN = ["12345 !!!", "Прекрасный фильм", "<br/>", "\u200b", "...", FILLER]
BLANK = ["", " ", "\n\t", "\u00a0\u3000"]


@pytest.fixture(params=[[1, 1], [1, 2], [2, 2]], ids=str)
def scorer(request, make_params):
    texts = ["good film", "bad film"] * 20
    params = make_params(vectorizer={"ngram_range": request.param})
    return scorer_from_pipeline(fit_pipeline(params, texts, [1, 0] * 20))


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_text_of_unknown_words_says_so(scorer, text):
    prediction = predict(scorer, text)
    assert prediction.low_information is True
    assert prediction.confidence == pytest.approx(predict(scorer, "...").confidence)
    assert predict_batch(scorer, [text]) == [prediction]
    assert prediction_of(scorer.explain(text)) == prediction


@pytest.mark.parametrize(
    ("text", "low"),
    [
        ("good film", False),
        ("a good film ever", False),
        ("a good film ever seen", True),
        (" ".join(["good film"] * 20 + ["unseen"] * 40), False),
        (" ".join(["good film"] * 20 + ["unseen"] * 41), True),
        (f"{FILLER} good film {FILLER}", True),
    ],
)
def test_half_of_the_words_have_to_be_known_however_a_text_is_scored(scorer, text, low):
    """A text in another language holds a word or two that English reviews have as well."""
    prediction = predict(scorer, text)
    assert prediction.sentiment == "positive"
    assert prediction.low_information is low
    assert predict_batch(scorer, ["unseen", text])[1].low_information is low
    assert prediction_of(scorer.explain(text)).low_information is low


def test_words_that_are_only_parts_of_terms_are_not_known(make_params):
    params = make_params(vectorizer={"ngram_range": [2, 2]})
    pipeline = fit_pipeline(params, ["good film", "bad film"] * 20, [1, 0] * 20)
    assert predict(scorer_from_pipeline(pipeline), "good").low_information is True


def test_a_batch_tells_the_known_from_the_unknown(scorer):
    texts = ["good film", "12345", "bad film", FILLER] * 30
    low = [prediction.low_information for prediction in predict_batch(scorer, texts)]
    assert low == [False, True, False, True] * 30
    assert predict_batch(scorer, []) == []


@pytest.mark.parametrize("text", BLANK)
def test_a_blank_text_is_refused(scorer, text):
    with pytest.raises(BlankTextError, match=f"^{BLANK_TEXT}$"):
        predict(scorer, text)
    with pytest.raises(BlankTextError, match=f"^Text 2 of 3: {BLANK_TEXT}$"):
        predict_batch(scorer, ["good film", text, "bad film"])
