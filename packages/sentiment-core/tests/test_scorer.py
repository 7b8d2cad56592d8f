import hashlib
import json
import random
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment_core import scorer as scorer_module
from sentiment_core.array_file import pack, unpack
from sentiment_core.attribution import attribute_words, strongest_words
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.errors import ScorerError
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.scorer import Explanation, LinearScorer, TermContribution
from sentiment_core.vocabulary import END_OF_KEYS, Vocabulary
from tests.support.limits import no_open_files

WORDS = ["good", "bad", "film", "not", "the", "plot", "très", "дом", "是", "10", "a", "i"]
OPTIONS = [
    {"vectorizer": {"ngram_range": [1, 1]}},
    {"vectorizer": {"ngram_range": [1, 2]}, "model": {"naive_bayes_smoothing": None}},
    {"vectorizer": {"ngram_range": [1, 3], "min_df": 2, "sublinear_tf": False}},
    {"vectorizer": {"ngram_range": [2, 3]}},
    {"vectorizer": {"ngram_range": [1, 3], "max_features": 40}},
    {"vectorizer": {"ngram_range": [3, 3], "max_df": 0.5}},
]
TEXTS = st.lists(
    st.one_of(st.sampled_from([*WORDS, "<br/>", "&amp;", "Good!", "unknown"]), st.text(max_size=8)),
    max_size=60,
).map(" ".join)


def corpus(size=200):
    rng = random.Random(7)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for _ in range(size)]
    return texts, [int(text.count("good") >= text.count("bad")) for text in texts]


@pytest.fixture(params=OPTIONS, ids=str)
def fitted(request, make_params):
    pipeline = fit_pipeline(make_params(**request.param), *corpus())
    return pipeline, scorer_from_pipeline(pipeline)


@pytest.fixture
def scorer(make_params):
    return scorer_from_pipeline(fit_pipeline(make_params(), *corpus()))


@pytest.fixture(scope="module")
def tiny():
    """The smallest scorer file with an n-gram, and its header."""
    vocabulary, _ = Vocabulary.from_terms(["bad", "good", "not good"])
    content = LinearScorer(
        vocabulary=vocabulary, idf=np.ones(4), coefficients=np.array([-4.0, 4.0, 0.0, -3.0]),
        intercept=0.1, max_ngram=2, sublinear_tf=True,
    ).to_bytes()  # fmt: skip
    return content, unpack(content).header


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=5))
def test_probabilities_equal_those_of_scikit_learn(fitted, texts):
    pipeline, scorer = fitted
    probabilities = scorer.predict_proba(texts)
    assert probabilities.shape == (len(texts), 2)
    if texts:
        np.testing.assert_allclose(probabilities, pipeline.predict_proba(texts), rtol=0, atol=1e-9)
    for text, row in zip(texts, probabilities, strict=True):
        assert scorer.predict_positive(text) == pytest.approx(row[1], abs=1e-12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_contributions_sum_to_the_decision(fitted, text):
    pipeline, scorer = fitted
    explanation = scorer.explain(text)
    total = explanation.intercept + sum(term.contribution for term in explanation.terms)
    assert total == pytest.approx(explanation.decision, abs=1e-9)
    assert explanation.decision == pytest.approx(pipeline.decision_function([text])[0], abs=1e-9)
    assert {term.term for term in explanation.terms} <= set(pipeline["vectorizer"].vocabulary_)


def test_more_texts_than_a_block_keep_their_order(scorer):
    texts, _ = corpus(3 * scorer_module.BLOCK_SIZE + 1)
    expected = [scorer.predict_positive(text) for text in texts]
    np.testing.assert_allclose(scorer.predict_proba(texts)[:, 1], expected, atol=1e-12)


def test_an_ngram_does_not_cross_into_the_next_text(make_params):
    pipeline = fit_pipeline(make_params(vectorizer={"ngram_range": [2, 2]}), *corpus())
    scorer = scorer_from_pipeline(pipeline)
    bias = scorer.predict_positive("")
    np.testing.assert_allclose(scorer.predict_proba(["not", "good"])[:, 1], bias)


def test_a_saved_scorer_is_the_same_scorer(fitted, tmp_path):
    _, scorer = fitted
    path = tmp_path / "scorer.bin"
    scorer.save(path)
    loaded = LinearScorer.load(path)
    assert loaded.digest == scorer.digest
    assert loaded.to_bytes() == scorer.to_bytes() == path.read_bytes()
    texts, _ = corpus()
    assert (loaded.predict_proba(texts) == scorer.predict_proba(texts)).all()


def test_vocabulary_is_listed_whole(fitted):
    pipeline, scorer = fitted
    idf = pipeline["vectorizer"].idf_
    columns = pipeline["vectorizer"].vocabulary_
    assert {term: weight for term, weight, _ in scorer.terms()} == {
        term: idf[column] for term, column in columns.items()
    }
    assert scorer.n_terms == len(columns)


def test_top_terms_are_the_extreme_coefficients(scorer):
    negative, positive = scorer.top_terms(3)
    coefficients = sorted(coefficient for _, _, coefficient in scorer.terms())
    assert [weight for _, weight in negative] == coefficients[:3]
    assert [weight for _, weight in positive] == coefficients[:-4:-1]


def test_an_option_the_scorer_lacks_is_refused(make_params):
    pipeline = fit_pipeline(make_params(), *corpus())
    pipeline["vectorizer"].set_params(norm="l1")
    with pytest.raises(ValueError, match="norm"):
        scorer_from_pipeline(pipeline)


def test_a_damaged_file_is_refused(scorer, tmp_path):
    content = scorer.to_bytes()
    path = tmp_path / "scorer.bin"
    rng = random.Random(1)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ScorerError, match=r"damaged|foreign"):
            LinearScorer.load(path)
    for length in (0, 7, 8, 40, 47, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ScorerError):
            LinearScorer.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\x80\x05pickle"])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "scorer.bin"
    path.write_bytes(content)
    with pytest.raises(ScorerError, match=r"scorer\.bin is not a scorer file"):
        LinearScorer.load(path)


def test_a_missing_file_is_a_plain_error(tmp_path):
    with pytest.raises(ScorerError, match="Cannot read the scorer file"):
        LinearScorer.load(tmp_path / "none.bin")


def rewrite(scorer, *, arrays=None, **header):
    old_header, old_arrays, _ = unpack(scorer.to_bytes())
    return pack({**old_header, **header}, {**old_arrays, **(arrays or {})})


def test_another_cleaning_version_is_refused(scorer):
    with pytest.raises(ScorerError, match="made for text cleaning version 99"):
        LinearScorer.from_bytes(rewrite(scorer, cleaning_version=99))


def test_another_format_version_is_refused(scorer, monkeypatch):
    monkeypatch.setattr("sentiment_core.array_file.FORMAT_VERSION", 2)
    content = scorer.to_bytes()
    monkeypatch.undo()
    with pytest.raises(ScorerError, match="of format version 2"):
        LinearScorer.from_bytes(content)


@pytest.mark.parametrize(
    "arrays",
    [
        {"idf": np.ones(3)},
        {"keys": np.array([5 << 40, END_OF_KEYS])},
        {"keys": np.array([3, 2, END_OF_KEYS])},
        {"coefficients": np.array([np.nan])},
        {"words": np.frombuffer(b"a\na", dtype=np.uint8)},
        {"words": np.frombuffer(b"\xff", dtype=np.uint8)},
        {"keys": np.empty(0, dtype=np.int64)},
    ],
)
def test_a_file_with_a_right_checksum_but_senseless_content_is_refused(scorer, arrays):
    with pytest.raises(ScorerError, match=r"inconsistent|malformed"):
        LinearScorer.from_bytes(rewrite(scorer, arrays=arrays))


def test_a_header_that_lies_about_lengths_is_refused(scorer):
    header, arrays, _ = unpack(scorer.to_bytes())
    content = pack(header, arrays)
    assert json.dumps(["idf", "float64", len(arrays["idf"])]).encode() in content
    short = pack(header, {**arrays, "idf": arrays["idf"][:-1]})
    with pytest.raises(ScorerError, match="inconsistent"):
        LinearScorer.from_bytes(short)


ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from([10**12, -(10**12), 10**400, 1e300, -1e300, "9" * 50, [], {}, [[[]]], 2**63]),
)  # fmt: skip
ODD_ARRAYS = st.one_of(
    ODD_VALUES,
    st.lists(
        st.tuples(
            st.sampled_from(["words", "keys", "idf", "coefficients", "other"]),
            st.sampled_from(["int64", "float64", "uint8", "object", "<U9"]),
            ODD_VALUES,
        ),
        max_size=6,
    ),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "format_version": ODD_VALUES, "cleaning_version": ODD_VALUES, "intercept": ODD_VALUES,
        "max_ngram": ODD_VALUES, "sublinear_tf": ODD_VALUES, "labels": ODD_VALUES,
        "arrays": ODD_ARRAYS,
    },
)  # fmt: skip


def with_header(content, encoded):
    """A scorer file with other bytes as its header, and a right checksum."""
    end = 48 + int.from_bytes(content[40:48], "little")
    body = len(encoded).to_bytes(8, "little") + encoded + content[end:]
    return content[:8] + hashlib.sha256(body).digest() + body


def test_the_names_of_the_classes_travel_with_the_scorer_and_make_it_another(scorer, make_params):
    names = {"negative": "Beschwerde", "positive": "Lob"}
    named = scorer_from_pipeline(fit_pipeline(make_params(), *corpus()), names)
    assert LinearScorer.from_bytes(named.to_bytes()).labels == names
    assert LinearScorer.from_bytes(scorer.to_bytes()).labels is None
    assert named.digest != scorer.digest


@settings(max_examples=300)
@given(changes=HEADERS)
def test_a_header_is_read_or_refused_and_nothing_else(tiny, changes):
    content, header = tiny
    encoded = json.dumps({**header, **changes}).encode()
    with suppress(ScorerError):
        scorer = LinearScorer.from_bytes(with_header(content, encoded))
        assert 0 <= scorer.predict_positive("good " * 30) <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"intercept": 10**400}, {"intercept": 1e300}, {"intercept": float("nan")},
        {"intercept": float("-inf")}, {"intercept": True}, {"intercept": "0"},
        {"max_ngram": 10**12}, {"max_ngram": -(10**12)}, {"max_ngram": 0}, {"max_ngram": 2.0},
        {"max_ngram": True}, {"max_ngram": float("nan")},
        {"sublinear_tf": 1}, {"arrays": 5}, {"arrays": [["idf", "float64", -1]]},
        {"arrays": [["idf", "float64", 10**30]]}, {"arrays": [["idf", "float64", True]]},
        {"arrays": [["idf", ["float64"], 1]]}, {"format_version": "9" * 40_000},
        {"labels": 5}, {"labels": ["no", "yes"]}, {"labels": {"negative": "no"}},
        {"labels": {"negative": "no", "positive": 1}},
        {"labels": {"negative": "no", "positive": "y" * 51}},
        {"more": "x" * 70_000},
    ],
    ids=lambda changes: f"{changes!r:.40}",
)  # fmt: skip
def test_a_header_beyond_all_bounds_is_refused(tiny, changes):
    content, header = tiny
    with pytest.raises(ScorerError) as caught:
        LinearScorer.from_bytes(with_header(content, json.dumps({**header, **changes}).encode()))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("encoded", [b"[" * 60_000, b'{"a":' * 10_000, b"null", b"\xff", b"{}"])
def test_a_header_that_is_no_plain_object_is_refused(tiny, encoded):
    with pytest.raises(ScorerError, match="malformed"):
        LinearScorer.from_bytes(with_header(tiny[0], encoded))


@pytest.mark.parametrize("name", ["idf", "coefficients"])
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300, -1e300])
def test_a_weight_beyond_all_bounds_is_refused(tiny, name, value):
    header, arrays, _ = unpack(tiny[0])
    weights = arrays[name].copy()
    weights[0] = value
    with pytest.raises(ScorerError, match="inconsistent"):
        LinearScorer.from_bytes(pack(header, {**arrays, name: weights}))


def test_arrays_that_start_between_two_numbers_are_refused(tiny):
    content, header = tiny
    encoded = json.dumps(header).encode()
    for _ in range(8):
        encoded += b" "
        file = with_header(content, encoded)
        if len(encoded) % 8:
            with pytest.raises(ScorerError, match="malformed"):
                LinearScorer.from_bytes(file)
        else:
            assert LinearScorer.from_bytes(file).explain("not good").terms


def test_arrays_of_other_types_or_names_are_refused(tiny):
    header, arrays, _ = unpack(tiny[0])
    for changed in (
        {**arrays, "idf": arrays["idf"].astype(np.int64)},
        {**arrays, "more": np.ones(1)},
        {name: array for name, array in arrays.items() if name != "idf"},
    ):
        with pytest.raises(ScorerError, match="malformed"):
            LinearScorer.from_bytes(pack(header, changed))


def test_a_read_that_fails_says_nothing_of_the_file(tmp_path):
    with no_open_files(), pytest.raises(OSError, match="Too many open files"):
        LinearScorer.load(tmp_path / "scorer.bin")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_word_contributions_sum_to_the_decision(fitted, text):
    _, scorer = fitted
    explanation = scorer.explain(text)
    words = attribute_words(text, explanation, max_ngram=scorer.max_ngram)
    total = sum(word.contribution for word in words)
    assert total == pytest.approx(explanation.decision - explanation.intercept, abs=1e-9)


def test_words_are_shown_as_written_unless_markup_runs_across_spaces(scorer):
    def shown(text):
        words = attribute_words(text, scorer.explain(text), max_ngram=scorer.max_ngram)
        return [word.word for word in words]

    assert shown("GOOD, film!") == ["GOOD,", "film!"]
    assert shown("<a b='c d'>good</a> film") == ["good", "film"]


def explanation_of(**contributions):
    terms = [
        TermContribution(term.replace("_", " "), 1, value) for term, value in contributions.items()
    ]
    return Explanation(0.5, 0.0, 0.0, terms, 1.0)


def test_what_function_words_share_goes_to_the_word_that_speaks():
    explanation = explanation_of(loved=1.0, loved_the=0.5, of_the=0.2, not_good=-0.4)
    text = "Loved the end of the not good film."
    words = attribute_words(text, explanation, max_ngram=2)
    assert [(word.word, pytest.approx(word.contribution)) for word in words] == [
        ("Loved", 1.5), ("the", 0), ("end", 0), ("of", 0.1), ("the", 0.1),
        ("not", -0.2), ("good", -0.2), ("film.", 0),
    ]  # fmt: skip


def test_strongest_words_are_clean_and_named_once():
    explanation = explanation_of(waste=-2.0, waste_of=-1.0, the=-5.0, a_fine=0.5, film=0.0)
    assert strongest_words(explanation, limit=5) == [("waste", -3.0), ("fine", 0.5)]
    assert strongest_words(explanation, limit=1) == [("waste", -3.0)]
