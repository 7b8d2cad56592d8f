import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_core.cleaning import clean_text, tokenize

MARKUP = st.sampled_from(
    [
        "<br />",
        "<b>",
        "&amp;",
        "&lt;",
        "&#39;",
        "&#x27;",
        "&eacute;",
        "http://a.b/c?d=1",
        "www.x.y",
        "HTTPS://X",
        "&#" + "9" * 6000 + ";",
        "&#xD800;",
        "<",
        ">",
        "&",
        "'",
        "’",
        "İ",
        "ΑΣ",
        "_",
    ]
)
TEXTS = st.lists(st.one_of(st.text(max_size=20), MARKUP), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("A GREAT Film", "a great film"),
        ("one<br /><br />two", "one two"),
        ("caf&eacute; &amp; bar", "café bar"),
        ("&lt;b&gt;bold&lt;/b&gt; claim", "bold claim"),
        ("I <3 it, 5 < 6", "i 3 it 5 6"),
        ("see http://example.org/a?b=c now", "see now"),
        ("see WWW.EXAMPLE.ORG/a now", "see now"),
        ("don't, didn’t & isn&#39;t", "dont didnt isnt"),
        ("10/10!!! would-watch_again", "10 10 would watch again"),
        ("  tabs\tand\nlines ", "tabs and lines"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_cleaning_keeps_only_lower_case_words(raw, clean):
    assert clean_text(raw) == clean


@given(TEXTS)
def test_cleaning_accepts_any_text_and_is_idempotent(text):
    once = clean_text(text)
    assert clean_text(once) == once


@given(TEXTS)
def test_words_are_lower_case_letters_and_digits(text):
    for word in tokenize(text):
        assert word.isalnum()
        assert word == word.lower()


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_text_is_split_as_the_general_rule_does(text):
    # U+00AA is a word of its own and forces the path for non-ASCII text.
    assert [*tokenize(text + " "), "ª"] == tokenize(text + " ª")


def test_an_entity_number_too_long_for_python_is_text():
    assert clean_text("&#" + "1" * 5000 + ";") == "1" * 5000
