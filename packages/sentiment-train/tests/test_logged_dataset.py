import json
from pathlib import Path

import numpy as np
import pandas as pd

from sentiment_train.data.dataset import text_fingerprints
from sentiment_train.registry.logged_dataset import LoggedDataset


def logged(texts, labels, used=None):
    frame = pd.DataFrame({"text": texts, "label": labels})
    chosen = np.ones(len(frame), bool) if used is None else np.array(used)
    return LoggedDataset(frame, text_fingerprints(frame["text"]), chosen, Path("reviews.csv"))


def test_another_text_label_or_choice_is_another_dataset_and_another_order_is_not():
    texts, labels = ["a good film", "a bad film", "so so"], [1, 0, 1]
    digests = [
        logged(texts, labels).digest,
        logged(["a good film", "a bad film", "so"], labels).digest,
        logged(texts, [1, 0, 0]).digest,
        logged(texts, [0, 1, 1]).digest,
        logged(texts, labels, [True, True, False]).digest,
    ]
    assert len(set(digests)) == len(digests)
    assert logged(texts[::-1], labels[::-1]).digest == digests[0]


def test_rows_are_counted_and_a_sample_is_looked_at():
    n_rows = 1_000
    texts = [f"film number {number}" for number in range(n_rows)]
    dataset = logged(texts, [0, 1] * (n_rows // 2), [True] * 900 + [False] * 100)
    assert len(dataset.df) < n_rows
    assert json.loads(dataset.to_dict()["profile"]) == {"num_rows": 900, "num_elements": 1800}
