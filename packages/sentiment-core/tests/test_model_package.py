import json

import pandas as pd
import pytest

from sentiment_core.champion_pointer import ChampionPointer
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import BlankTextError, ModelPackageError, ScorerError
from sentiment_core.model_package import MANIFEST_FILE, SCORER_FILE, load_package, write_package
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.pyfunc import _load_pyfunc
from tests.support.limits import no_open_files

TEXTS = ["a good film", "a bad film", "so good, so fine", "so bad, so dull"]


@pytest.fixture
def package(make_params, tmp_path):
    scorer = scorer_from_pipeline(fit_pipeline(make_params(), TEXTS, [1, 0, 1, 0]))
    write_package(
        tmp_path / "package", scorer, metrics={"f1": 0.9}, examples=TEXTS[:2], model_card="# Card\n"
    )
    return tmp_path / "package"


def change_manifest(folder, **values):
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_package_comes_back_whole(package):
    loaded = load_package(package)
    assert loaded.metrics == {"f1": 0.9}
    assert loaded.scorer.predict_positive("good") > 0.5 > loaded.scorer.predict_positive("bad")


def test_the_same_model_is_written_as_the_same_bytes(package, tmp_path):
    scorer = load_package(package).scorer
    write_package(
        tmp_path / "again", scorer, metrics={"f1": 0.9}, examples=TEXTS[:2], model_card="# Card\n"
    )
    for path in package.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_mlflow_loads_it_as_a_pyfunc(package):
    model = _load_pyfunc(str(package))
    result = model.predict(pd.DataFrame({"text": ["good", "bad", "12345 !!!"]}))
    assert result["sentiment"].tolist()[:2] == ["positive", "negative"]
    assert (result["confidence"] > 0.5).all()
    assert result["low_information"].tolist() == [False, False, True]
    with pytest.raises(BlankTextError, match="Text 2 of 2"):
        model.predict(pd.DataFrame({"text": ["good", " "]}))


@pytest.mark.parametrize("name", [MANIFEST_FILE, SCORER_FILE])
def test_an_incomplete_package_is_refused(package, name):
    (package / name).unlink()
    with pytest.raises(ScorerError, match="Cannot read"):
        load_package(package)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scorer_sha256": "00"}, "not the one that the manifest names"),
        ({"signature": {"inputs": {}}}, "another signature"),
        ({"self_test": []}, "no self-test"),
        ({"self_test": [{"text": "good", "positive_probability": 0.1}]}, "fails its self-test"),
        ({"self_test": [{"text": "x", "positive_probability": float("nan")}]}, "fails its self-"),
        ({"self_test": [{"text": 3, "positive_probability": 0.5}]}, "malformed"),
        ({"self_test": 5}, "malformed"),
        ({"metrics": None}, "malformed"),
        ({"metrics": {"f1": 10**400}}, "malformed"),
        ({"self_test": [{"text": "x", "positive_probability": 10**400}]}, "malformed"),
        ({"more": "x" * (1 << 22)}, "malformed"),
    ],
)
def test_a_package_that_fails_a_check_is_refused(package, values, message):
    change_manifest(package, **values)
    with pytest.raises(ModelPackageError, match=message):
        load_package(package)


@pytest.mark.parametrize("content", ["[]", "{", "\xff", '{"a":' * 100_000])
def test_a_senseless_manifest_is_refused(package, content):
    (package / MANIFEST_FILE).write_text(content, encoding="latin-1")
    with pytest.raises(ModelPackageError, match="malformed"):
        load_package(package)


@pytest.mark.parametrize("name", [MANIFEST_FILE, SCORER_FILE])
def test_a_folder_in_the_place_of_a_file_is_a_package_without_it(package, name):
    (package / name).unlink()
    (package / name).mkdir()
    with pytest.raises(ModelPackageError, match=f"Cannot read .*{name}"):
        load_package(package)


def test_a_read_that_fails_says_nothing_of_the_package(package):
    with no_open_files(), pytest.raises(OSError, match="Too many open files"):
        load_package(package)


POINTER = ChampionPointer("name", "1", "run", "1", "d")


def test_a_pointer_comes_back():
    assert ChampionPointer.from_json(POINTER.to_json()) == POINTER


@pytest.mark.parametrize(
    "changes",
    [{"version": 1}, {"version": None}, {"version": ["1"]}, {"run_id": "\ud800"},
     {"name": "x" * 2000}, {"package": "a\0b"}, {"package": "..."}, {"more": "x" * 70_000}],
    ids=lambda changes: f"{changes!r:.30}",
)  # fmt: skip
def test_a_senseless_pointer_is_refused(changes):
    content = json.dumps(json.loads(POINTER.to_json()) | changes)
    with pytest.raises(ModelPackageError, match=r"malformed|names the folder"):
        ChampionPointer.from_json(content)


@pytest.mark.parametrize("content", [b"[" * 60_000, b"\xff", b"[]", b""])
def test_what_is_no_pointer_is_refused(content):
    with pytest.raises(ModelPackageError, match="malformed"):
        ChampionPointer.from_json(content)
