import pickle
import re

import pytest

from sentiment_core import errors
from sentiment_core.errors import SentimentError, error_classes


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_with_its_message_and_cause(cls):
    error = cls("What is wrong, and what to do.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert str(copy) == str(error)


def test_codes_are_stable_names_and_each_is_of_one_class_alone():
    codes = [cls.__dict__["code"] for cls in error_classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_the_tree_on_top_of_the_module_is_the_tree():
    """Each class stands there below its base, at its depth."""
    drawn = []
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"( *)[*-] (\w+)", line)
        if match:
            depth = len(match[1]) // 2
            path[depth:] = [match[2]]
            drawn.append((match[2], path[depth - 1] if depth else None))
    actual = [
        (cls.__name__, None if cls is SentimentError else cls.__bases__[0].__name__)
        for cls in error_classes()
        if cls.__module__ == errors.__name__
    ]
    assert sorted(drawn, key=str) == sorted(actual, key=str)
