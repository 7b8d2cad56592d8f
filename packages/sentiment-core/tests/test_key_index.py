"""Keys are found exactly, also where many share a slot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_core import key_index
from sentiment_core.key_index import NO_KEY, KeyIndex

NUMBERS = st.integers(-(2**63), NO_KEY - 1)


def check(keys, wanted):
    keys, wanted = np.array(keys, dtype=np.int64), np.array(wanted, dtype=np.int64)
    hits, places = KeyIndex(np.append(keys, NO_KEY)).find(wanted)
    assert hits.tolist() == np.isin(wanted, keys).tolist()
    assert keys[places[hits]].tolist() == wanted[hits].tolist()


@given(
    keys=st.sets(st.integers(0, NO_KEY - 1), max_size=200),
    others=st.lists(NUMBERS, max_size=50),
)
def test_what_is_found_is_what_is_there(keys, others):
    keys = sorted(keys)
    check(keys, [*keys, *others])


@given(keys=st.sets(st.integers(0, 10_000), max_size=300), others=st.lists(st.integers(-9, 20_000)))
def test_neighbours_are_told_apart(keys, others):
    check(sorted(keys), others)


@pytest.mark.parametrize("multiplier", [0, 1])
def test_keys_that_all_share_a_slot_are_found_as_well(monkeypatch, multiplier):
    """With such a multiplier every small key falls into the first slot."""
    monkeypatch.setattr(key_index, "_MULTIPLIER", np.uint64(multiplier))
    keys = list(range(5, 900, 7))
    check(keys, [*keys, -1, 0, 6, 901])
    check(keys[:1], keys)
    check([], keys)
