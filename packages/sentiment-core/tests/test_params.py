from pathlib import Path

import pytest

from sentiment_core.errors import ParamsError
from sentiment_core.params import load_params

PROJECT_PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_the_projects_parameter_file_is_valid():
    params = load_params(PROJECT_PARAMS)
    assert params.flat()["model.C"] == params.model.C
    assert params.flat()["vectorizer.ngram_range"] == list(params.vectorizer.ngram_range)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "C", -1),
        ("model", "C", "strong"),
        ("model", "max_iter", 0),
        ("model", "naive_bayes_smoothing", 0),
        ("vectorizer", "ngram_range", [2, 1]),
        ("vectorizer", "ngram_range", [0, 1]),
        ("vectorizer", "max_features", 0),
        ("data", "test_size", 1.0),
        ("data", "source", "nowhere"),
        ("promotion", "metric", "beauty"),
        ("model", "c", 1.0),
    ],
)
def test_an_invalid_value_is_refused_by_name(make_params, section, key, value):
    with pytest.raises(ParamsError, match=rf"{section}.*{key}"):
        make_params(**{section: {key: value}})


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("model: {C: 1.0}\n")
    with pytest.raises(ParamsError, match=r"data: Field required.*model\.max_iter: Field required"):
        load_params(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No parameter file"), ("a: [", "not valid YAML"), ("- 1", "must be a mapping")],
)
def test_an_unusable_file_is_a_plain_error(tmp_path, content, message):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ParamsError, match=message):
        load_params(path)
