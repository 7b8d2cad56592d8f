"""Chooses the vectorizer's and the model's parameters by cross-validation on the sample alone.

Prints the accuracy and log loss of each choice. The rule: of the choices within one standard error
of the best accuracy, take those with the smallest vocabulary, and of these the lowest log loss.

Run: ./sentiment nox -s bench -- choose_params
"""

from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from sentiment_core.params import Params, load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_train.data.dataset import load_dataset
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.sources.package import PackageSource

NGRAM_RANGES = ((1, 1), (1, 2), (1, 3))
MIN_DFS = (2, 3)
SMOOTHINGS = (None, 0.1, 1.0)
CS = (1.0, 3.0, 10.0, 30.0)
FOLDS = 5


def main() -> None:
    params = load_params(Path("params.yaml"))
    path = Path(params.data.path)
    if not path.exists():
        prepare_dataset(PackageSource(), path, samples=params.data.samples, seed=params.data.seed)
    frame = load_dataset(path)
    texts, labels = frame["text"].to_numpy(), frame["label"].to_numpy()
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(texts, labels))
    results = [
        (*cross_validate(with_choice(params, *choice), texts, labels, folds), choice)
        for choice in product(NGRAM_RANGES, MIN_DFS, SMOOTHINGS, CS)
    ]
    best, error = max((accuracy, error) for accuracy, error, *_ in results)
    results.sort(key=lambda result: -result[0])
    print("accuracy   ±     log loss    terms  (ngram_range, min_df, smoothing, C)")
    for accuracy, deviation, loss, terms, choice in results[:40]:
        print(f"{accuracy:.4f} {deviation:.4f} {loss:9.4f} {terms:9,}  {choice}")
    near = [result for result in results if result[0] >= best - error]
    smallest = min(result[3] for result in near)
    chosen = min((result for result in near if result[3] == smallest), key=lambda result: result[2])
    print(f"chosen: {chosen[-1]} accuracy {chosen[0]:.4f}, log loss {chosen[2]:.4f}")


def with_choice(
    params: Params,
    ngram_range: tuple[int, int],
    min_df: int,
    smoothing: float | None,
    c: float,
) -> Params:
    vectorizer = {"ngram_range": ngram_range, "min_df": min_df}
    model = {"naive_bayes_smoothing": smoothing, "C": c}
    return params.model_copy(
        update={
            "vectorizer": params.vectorizer.model_copy(update=vectorizer),
            "model": params.model.model_copy(update=model),
        }
    )


def cross_validate(
    params: Params,
    texts: NDArray[np.object_],
    labels: NDArray[np.int_],
    folds: list[tuple[NDArray[np.int_], NDArray[np.int_]]],
) -> tuple[float, float, float, int]:
    accuracies, losses, terms = [], [], []
    for train, test in folds:
        pipeline = fit_pipeline(params, texts[train].tolist(), labels[train].tolist())
        probabilities = pipeline.predict_proba(texts[test].tolist())[:, 1]
        accuracies.append(((probabilities >= 0.5) == labels[test]).mean())
        losses.append(log_loss(labels[test], probabilities))
        terms.append(len(pipeline["vectorizer"].vocabulary_))
    error = np.std(accuracies, ddof=1) / np.sqrt(len(folds))
    return float(np.mean(accuracies)), float(error), float(np.mean(losses)), int(np.mean(terms))


if __name__ == "__main__":
    main()
