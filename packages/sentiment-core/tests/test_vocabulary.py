"""The trie of terms."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentiment_core.vocabulary import Vocabulary

WORDS = st.sampled_from(["bad", "film", "good", "no", "not", "so"])
TERMS = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, unique=True)


@given(TERMS, st.data())
def test_a_part_of_the_terms_is_the_vocabulary_of_that_part(terms, data):
    whole, nodes = Vocabulary.from_terms(terms)
    places = data.draw(st.lists(st.sampled_from(range(len(terms))), min_size=1, unique=True))
    expected, expected_nodes = Vocabulary.from_terms([terms[place] for place in places])
    part, found = whole.restricted(nodes[places])
    assert part.words == expected.words
    assert np.array_equal(part.keys, expected.keys)
    assert np.array_equal(found, expected_nodes)
    assert [part.term(node) for node in found] == [terms[place] for place in places]
