"""The default parameters, on reviews that neither the sample nor their choice has seen."""

import pandas as pd

from sentiment_train.data.dataset import load_dataset, text_fingerprints
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.model.evaluation import evaluate
from sentiment_train.model.fitting import fit_scorer


def test_two_thousand_reviews_are_enough_for_unseen_ones(tmp_path, params):
    path = tmp_path / "sample.csv"
    prepare_dataset(PackageSource(), path, samples=params.data.samples, seed=params.data.seed)
    sample = load_dataset(path)
    everything = PackageSource().load()
    seen = pd.Series(text_fingerprints(everything["text"])).isin(text_fingerprints(sample["text"]))
    unseen = everything[~seen.to_numpy()]
    assert len(sample) == 2000
    assert len(unseen) > 22_500
    scorer = fit_scorer(sample, params)
    probabilities = scorer.predict_proba(unseen["text"].tolist())[:, 1]
    evaluation = evaluate(unseen["label"], probabilities)
    print(f"accuracy on {len(unseen)} unseen reviews: {evaluation.accuracy:.4f}")
    assert evaluation.accuracy >= 0.855
