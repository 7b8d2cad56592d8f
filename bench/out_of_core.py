"""Measures the training of more reviews than fit into memory.

First the real reviews, fitted in memory and in parts: accuracy on the same unseen reviews. Then a
whole `sentiment-cli train` of many reviews, resampled with one word in ten left out, on workers of
this machine: its time, and the memory of all of its processes together. The limit is told to the
workers (`ulimit -m`), which write to the disk what is more.

Run: ./sentiment nox -s bench -- out_of_core [reviews, default 100000] [megabytes, default 4000]
"""

import csv
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from bench.batch import BIN, run
from bench.reviews import load_reviews
from sentiment_core.params import Params, load_params
from sentiment_core.scorer import LinearScorer
from sentiment_train.cluster import LOCAL
from sentiment_train.model.fitting import fit_scorer

UNSEEN = 5_000
DROPPED_WORDS = 0.1
LARGE_MIN_DF = 20


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 4_000
    params = load_params(Path("params.yaml"))
    compare(params)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_reviews(folder / "reviews.csv", rows)
        write_params(folder / "params.yaml", params)
        (folder / "behaviour.yaml").write_bytes(Path("behaviour.yaml").read_bytes())
        environment = {**os.environ, "SENTIMENT_HOME": f"{folder}/home", "SENTIMENT_DASK": LOCAL}
        train = f"{BIN}/sentiment-cli train --data-path reviews.csv"
        command = ["sh", "-c", f"ulimit -m {megabytes * 1000} && exec {train}"]
        seconds, memory = run(command, folder, environment)
    print(f"{rows:,} reviews: {seconds:.0f} s, {memory:.0f} MB")


def compare(params: Params) -> None:
    """Print the accuracy of the model that is fitted in memory and of that in parts."""
    import pandas as pd

    texts, labels = load_reviews()
    frame = pd.DataFrame({"text": texts[:-UNSEEN], "label": labels[:-UNSEEN]})
    begin = time.monotonic()
    alone = fit_scorer(frame, params)
    between = time.monotonic()
    parted = fit_scorer(frame, params, cluster=LOCAL)
    end = time.monotonic()
    for name, scorer, seconds in (
        ("in memory", alone, between - begin), ("in parts", parted, end - between)
    ):  # fmt: skip
        print(
            f"{name}: {scorer.n_terms:,} terms, {seconds:.0f} s, "
            f"accuracy {accuracy(scorer, texts[-UNSEEN:], labels[-UNSEEN:]):.4f}"
        )


def accuracy(scorer: LinearScorer, texts: list[str], labels: list[int]) -> float:
    """Return the share of right answers."""
    positive = scorer.predict_proba(texts)[:, 1] > 0.5
    return float(np.mean(positive == np.array(labels)))


def write_reviews(path: Path, rows: int) -> None:
    """Write resampled reviews, each without some of its words."""
    texts, labels = load_reviews()
    draw = random.Random(0)
    words = [text.split() for text in texts]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(rows):
            row = draw.randrange(len(words))
            kept = [word for word in words[row] if draw.random() > DROPPED_WORDS]
            writer.writerow([" ".join(kept) or "nothing", labels[row]])


def write_params(path: Path, params: Params) -> None:
    """Write parameters for many reviews: rare terms are dropped, and nothing is fitted twice."""
    chosen = params.with_values({"vectorizer.min_df": LARGE_MIN_DF, "data.refit": False})
    path.write_text(yaml.safe_dump(chosen.model_dump(mode="json")))


if __name__ == "__main__":
    main()
