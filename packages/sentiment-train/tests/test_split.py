import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.data.split import split_dataset


def split(frame, **options):
    return split_dataset(frame, text_fingerprints(frame["text"]), **options)


@pytest.fixture
def reviews():
    texts = [f"review number {i} of a film" for i in range(80)]
    texts += [f"<i>Review</i> NUMBER {i} of a film!" for i in range(40)]  # the first 40 again
    return pd.DataFrame({"text": texts, "label": [i % 2 for i in range(120)]})


def test_no_text_is_on_both_sides(reviews):
    parts = split(reviews, test_size=0.25, seed=3)
    train, test = (set(text_fingerprints(part["text"])) for part in (parts.train, parts.test))
    assert train.isdisjoint(test)
    assert len(parts.train) + len(parts.test) == len(reviews)
    assert len(test) == 20
    assert (parts.train_fingerprints == text_fingerprints(parts.train["text"])).all()
    assert (parts.test_fingerprints == text_fingerprints(parts.test["text"])).all()


def test_the_split_is_stratified_and_reproducible(reviews):
    parts = split(reviews, test_size=0.25, seed=3)
    again = split(reviews, test_size=0.25, seed=3)
    other = split(reviews, test_size=0.25, seed=4)
    assert parts.test.equals(again.test)
    assert not parts.test.equals(other.test)
    assert parts.test.drop_duplicates("text")["label"].mean() == pytest.approx(0.5, abs=0.1)


def test_too_few_reviews_are_refused():
    reviews = pd.DataFrame({"text": ["good", "bad", "ugly"], "label": [1, 0, 0]})
    with pytest.raises(DataError, match=r"Cannot split 3 reviews.*data\.test_size"):
        split(reviews, test_size=0.5, seed=1)
