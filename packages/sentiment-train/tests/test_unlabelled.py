"""Reviews without labels: read from what teams have, and none of them a labelled one."""

import json

import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_core.params import ColumnParams
from sentiment_train.data.dataset import load_dataset, text_fingerprints
from sentiment_train.data.unlabelled import load_unlabelled

NOTHING = text_fingerprints([])


@pytest.fixture
def load(tmp_path):
    def load(name, labelled=(), **options):
        known = text_fingerprints(labelled)
        return load_unlabelled(str(name), known, cache=tmp_path / "cache", **options)

    return load


def test_the_rest_of_the_package_is_all_but_the_labelled_reviews(load, reviews_file):
    labelled = load_dataset(reviews_file)["text"]
    rest = load("package", labelled)
    assert 24_000 < len(rest.texts) < 25_000 - len(labelled)
    fingerprints = text_fingerprints(rest.texts)
    assert not set(fingerprints.tolist()) & set(text_fingerprints(labelled).tolist())
    assert len(set(fingerprints.tolist())) == len(rest.texts)
    assert load("package", labelled).sha256 == rest.sha256


def test_texts_that_are_labelled_blank_or_there_twice_are_left_out(load, tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text('text\nA <b>good</b> film!\n"  "\n"new, and good"\nnew\nNEW!\nA good film\n')
    assert load(path, ["a good film"]).texts == ["new, and good", "new"]


def test_a_prediction_log_is_a_folder_of_texts(load, tmp_path):
    (tmp_path / "log" / "today").mkdir(parents=True)
    lines = [{"type": "prediction", "text": "so good"}, {"type": "feedback", "label": "positive"}]
    (tmp_path / "log" / "today" / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "log" / "a.jsonl").write_text(json.dumps({"type": "prediction", "text": "bad"}))
    (tmp_path / "log" / "c.jsonl").write_text(json.dumps({"type": "feedback"}))
    (tmp_path / "log" / ".lock").write_text("")
    assert load(tmp_path / "log").texts == ["bad", "so good"]


def test_a_column_of_another_name_and_another_format(load, tmp_path):
    pd.DataFrame({"review": ["one", None, "two"]}).to_parquet(tmp_path / "texts.parquet")
    columns = ColumnParams(text="review")
    assert load(tmp_path / "texts.parquet", columns=columns).texts == ["one", "two"]


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, "none.csv", r"No file or folder .*package, stanford"),
        ({"x/readme.md": "hello"}, "x", "holds no file of texts"),
        ({"x/a.jsonl": '{"text_hmac": "1"}'}, "x", "lacks the column text.*PREDICTION_LOG_TEXT"),
        ({"a.csv": "text\nthe labelled one\n"}, "a.csv", "holds no review without a label: all 1"),
        ({"a.csv": ""}, "a.csv", "is empty"),
    ],
)
def test_each_mistake_has_its_own_message(load, tmp_path, files, name, message):
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path / name, ["the labelled one"])
