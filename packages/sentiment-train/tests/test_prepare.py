import pandas as pd
import pytest

from sentiment_core.dataset import load_dataset, text_fingerprints
from sentiment_core.errors import DataError
from sentiment_train.prepare import prepare_dataset, read_provenance
from sentiment_train.sources.package import PackageSource


class ListSource:
    description = "a list"

    def __init__(self, rows):
        self.rows = rows

    def load(self):
        return pd.DataFrame(self.rows, columns=["text", "label"])


ROWS = [(f"fine film {i}", 1) for i in range(30)] + [(f"poor film {i}", 0) for i in range(30)]


def test_a_sample_is_balanced_distinct_and_mixed(tmp_path):
    prepared = prepare_dataset(PackageSource(), tmp_path / "a.csv", samples=400, seed=5)
    frame = load_dataset(tmp_path / "a.csv")
    assert len(frame) == prepared.rows == 400
    assert frame["label"].sum() == prepared.positive == 200
    assert len(set(text_fingerprints(frame["text"]))) == 400
    assert frame["label"].head(50).nunique() == 2


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        prepare_dataset(ListSource(ROWS), tmp_path / f"{name}.csv", samples=20, seed=seed)
    first, same, other = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert first == same != other


def test_duplicates_and_contradictions_are_dropped_and_counted(tmp_path):
    rows = [*ROWS, ("FINE film 1!", 1), ("<b>poor</b> film 2", 0), ("odd", 0), ("Odd!", 1)]
    prepared = prepare_dataset(ListSource(rows), tmp_path / "a.csv", samples=None, seed=0)
    assert prepared.rows == 60
    assert prepared.duplicates_dropped == 2
    assert prepared.contradictions_dropped == 2


def test_too_many_samples_are_refused_and_leave_no_file(tmp_path):
    with pytest.raises(DataError, match=r"30 distinct reviews with the label 0.*at most 60"):
        prepare_dataset(ListSource(ROWS), tmp_path / "a.csv", samples=62, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_provenance_is_known_until_the_file_changes(tmp_path):
    path = tmp_path / "a.csv"
    prepared = prepare_dataset(ListSource(ROWS), path, samples=20, seed=0)
    assert read_provenance(path) == prepared
    path.write_text("text,label\nother,1\n")
    assert read_provenance(path) is None
    assert read_provenance(tmp_path / "none.csv") is None
