"""A model that is fitted part by part is the one that scikit-learn fits of all reviews at once."""

import os

import numpy as np
import pandas as pd
import pytest

from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import DataError
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import LinearScorer
from sentiment_train.cluster import LOCAL, Cluster, connect
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.model import fitting
from sentiment_train.model.fitting import fit_scorer
from sentiment_train.model.out_of_core import fit_out_of_core
from sentiment_train.model.partition import Reviews
from tests.support.dask_cluster import dask_cluster

PART = 137


@pytest.fixture(scope="module")
def cluster():
    with connect(LOCAL) as connected:
        yield connected


@pytest.fixture(scope="module")
def reviews():
    frame = PackageSource().load().sample(1400, random_state=0)
    return frame["text"].tolist(), frame["label"].tolist()


def in_parts(texts, labels):
    for start in range(0, len(texts), PART):
        yield Reviews(texts[start : start + PART], labels[start : start + PART])


def with_params(params, vectorizer=None, model=None):
    return params.model_copy(
        update={
            "vectorizer": params.vectorizer.model_copy(update=vectorizer or {}),
            "model": params.model.model_copy(update=model or {}),
        }
    )


@pytest.mark.parametrize(
    ("vectorizer", "model"),
    [
        ({"ngram_range": (1, 3), "min_df": 3}, {}),
        ({"ngram_range": (2, 2), "min_df": 2}, {"naive_bayes_smoothing": None}),
        ({"ngram_range": (1, 2), "max_df": 0.2, "sublinear_tf": False}, {}),
        ({"ngram_range": (1, 1), "min_df": 1}, {"C": 1.0}),
    ],
)
def test_terms_and_probabilities_are_those_of_scikit_learn(
    cluster, reviews, params, vectorizer, model
):
    chosen = with_params(params, vectorizer, {"calibration_folds": None, **model})
    texts, labels = reviews
    alone = scorer_from_pipeline(fit_pipeline(chosen, texts[:1000], labels[:1000]))
    scorer = fit_out_of_core(in_parts(texts[:1000], labels[:1000]), chosen, cluster)
    assert terms_of(scorer) == terms_of(alone)
    expected = alone.predict_proba(texts)
    # Both stop where the gain is below the same bound, not at the same step.
    np.testing.assert_allclose(scorer.predict_proba(texts), expected, rtol=0, atol=0.02)
    assert LinearScorer.from_bytes(scorer.to_bytes()).digest == scorer.digest


def terms_of(scorer):
    vocabulary = scorer._vocabulary
    return {
        vocabulary.term(node): round(float(idf), 9)
        for node, idf in enumerate(scorer._idf) if idf
    }  # fmt: skip


def test_the_most_frequent_terms_are_kept(cluster, reviews, params):
    chosen = with_params(params, {"max_features": 500}, {"calibration_folds": None})
    texts, labels = reviews
    alone = scorer_from_pipeline(fit_pipeline(chosen, texts, labels))
    scorer = fit_out_of_core(in_parts(texts, labels), chosen, cluster)
    assert scorer.n_terms == alone.n_terms == 500
    # Of those that are as frequent as the last one, either may be chosen.
    assert len(terms_of(scorer).items() & terms_of(alone).items()) > 480


def test_its_probabilities_are_calibrated_on_reviews_that_it_has_not_seen(cluster, reviews, params):
    texts, labels = reviews
    seen, unseen = slice(0, 1000), np.array(labels[1000:])
    calibrated, plain = (
        fit_out_of_core(
            in_parts(texts[seen], labels[seen]),
            with_params(params, model={"calibration_folds": folds}), cluster,
        )
        for folds in (5, None)
    )  # fmt: skip

    def brier(scorer):
        return np.mean((scorer.predict_proba(texts[1000:])[:, 1] - unseen) ** 2)

    assert brier(calibrated) < brier(plain)


def test_a_training_is_sent_to_the_cluster_that_the_settings_name(reviews, params, monkeypatch):
    texts, labels = reviews
    frame = pd.DataFrame({"text": texts[:300], "label": labels[:300]})
    monkeypatch.setattr(fitting, "PART_REVIEWS", 100)
    scorer = fit_scorer(frame, params, cluster=LOCAL)
    assert scorer.n_terms == fit_scorer(frame, params).n_terms
    rare = with_params(params, {"min_df": 10_000})
    with pytest.raises(DataError, match=r"vectorizer\.min_df"):
        fit_scorer(frame, rare, cluster=LOCAL)


def test_workers_do_the_rounds_of_self_training(reviews, params, tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(
        Cluster, "map",
        lambda self, function, items, *shared, do=Cluster.map: (
            sent.append(len(items)) or do(self, function, items, *shared)
        ),
    )  # fmt: skip
    texts, labels = reviews
    frame = pd.DataFrame({"text": texts[:120], "label": labels[:120]})
    chosen = with_params(params, model={"calibration_folds": 3})
    here = fit_scorer(frame, chosen, texts[200:500])
    assert sent == []
    with dask_cluster(tmp_path, dict(os.environ), workers=1) as started:
        there = fit_scorer(frame, chosen, texts[200:500], cluster=started.address)
    assert sent == [4, 4]  # teachers and students, of three folds and of all
    unseen = texts[1000:]
    np.testing.assert_allclose(
        there.predict_proba(unseen), here.predict_proba(unseen), rtol=0, atol=1e-9
    )
