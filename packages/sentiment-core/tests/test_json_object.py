import pytest

from sentiment_core.json_object import parse_object, text_of


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", "{'a': 1}", b"\xff", b'"\xed\xa0\x80"', "[" * 100_000,
     '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}", "{}" + " " * 1_000_000],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_what_is_no_object_is_one_kind_of_error(content):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_object(content, max_length=1_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [1, None, ["a"], "\ud800", "a" * 1025])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match=r"name|surrogates"):
        text_of({"name": value}, "name")
    with pytest.raises(ValueError, match="name"):
        text_of({}, "name")
    assert text_of({"name": "ü"}, "name") == "ü"
