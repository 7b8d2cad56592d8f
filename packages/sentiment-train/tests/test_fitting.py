"""The model on real reviews: equal to scikit-learn, accurate, and small."""

import numpy as np
import pytest

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import DataError, ParityError
from sentiment_core.pipeline import fit_pipeline
from sentiment_train.data.dataset import load_dataset, text_fingerprints
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.model.evaluation import evaluate
from sentiment_train.model.fitting import fit_scorer


@pytest.fixture(scope="module")
def sample(tmp_path_factory, params):
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    prepare_dataset(PackageSource(), path, samples=params.data.samples, seed=params.data.seed)
    return load_dataset(path)


@pytest.fixture(scope="module")
def unseen(sample):
    """All other reviews of the package: about 23,000."""
    reviews = PackageSource().load()
    return reviews[~np.isin(text_fingerprints(reviews["text"]), text_fingerprints(sample["text"]))]


def test_the_defaults_generalise_to_all_other_reviews(sample, unseen, params):
    scorer = fit_scorer(sample, params)
    probabilities = scorer.predict_proba(unseen["text"].tolist())[:, 1]
    assert len(unseen) > 22_800
    assert evaluate(unseen["label"], probabilities).accuracy >= 0.865


def test_the_scorer_equals_scikit_learn_on_two_thousand_real_reviews(sample, unseen, params):
    pipeline = fit_pipeline(params, sample["text"].tolist(), sample["label"].tolist())
    scorer = scorer_from_pipeline(pipeline)
    texts = unseen["text"].sample(2000, random_state=1).tolist()
    expected = pipeline.predict_proba(texts)
    np.testing.assert_allclose(scorer.predict_proba(texts), expected, rtol=0, atol=1e-9)
    singles = [scorer.predict_positive(text) for text in texts]
    np.testing.assert_allclose(singles, expected[:, 1], rtol=0, atol=1e-9)
    assert len(scorer.to_bytes()) / scorer.n_terms < 40


def test_a_vocabulary_without_terms_is_a_plain_error(sample, params):
    vectorizer = params.vectorizer.model_copy(update={"min_df": 100_000})
    with pytest.raises(DataError, match=r"vectorizer\.min_df"):
        fit_scorer(sample, params.model_copy(update={"vectorizer": vectorizer}))


def test_a_scorer_that_differs_from_scikit_learn_is_refused(sample, params, monkeypatch):
    def wrong(pipeline, _labels):
        pipeline["classifier"].intercept_ += 0.001
        scorer = scorer_from_pipeline(pipeline)
        pipeline["classifier"].intercept_ -= 0.001
        return scorer

    monkeypatch.setattr("sentiment_train.model.fitting.scorer_from_pipeline", wrong)
    with pytest.raises(ParityError, match="differs from scikit-learn"):
        fit_scorer(sample, params)
