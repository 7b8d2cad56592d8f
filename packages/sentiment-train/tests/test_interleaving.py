"""Promotions, a rollback and alias moves at once, in many orders, with crashes and frozen holders.

`tests/chaos/test_promotion.py` goes through far more of them.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.interleaving import Plan, play

_VERSIONS = tuple("123456")


@st.composite
def plans(draw):
    """Three promotions, a rollback and a set-alias; some die, some freeze."""
    values = st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9])
    scores = {version: draw(values) for version in _VERSIONS}
    history = draw(st.sampled_from([(), ("1",), ("1", "2"), ("2", "1", "2")]))
    if history and draw(st.booleans()):
        scores[draw(st.sampled_from("12"))] = None
    actors = 6
    return Plan(
        scores=scores,
        history=history,
        candidates=("3", "4", "5"),
        rollbacks=draw(st.integers(0, 1)),
        crowned_by_hand=draw(st.sampled_from([(), ("6",)])),
        challenger=draw(st.sampled_from([None, "6", "4"])),
        schedule=draw(st.lists(st.integers(0, 4), max_size=80)),
        deaths=draw(st.dictionaries(st.integers(0, actors), st.integers(1, 14), max_size=2)),
        freezes=draw(
            st.dictionaries(
                st.integers(0, actors),
                st.tuples(st.integers(1, 14), st.sampled_from([0.5, 9.0, 19.0, 45.0])),
                max_size=2,
            )
        ),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_whatever_happens_at_once_leaves_a_registry_that_is_right(plan):
    play(plan)


def test_of_three_at_once_the_best_is_champion_in_each_order_of_their_steps():
    scores = {"1": 0.5, "2": 0.7, "3": 0.9, "4": 0.8}
    for late in range(40):
        for other in (1, 2):
            schedule = (0,) * late + (other,)
            record, _ = play(Plan(scores, ("1",), ("2", "3", "4"), schedule=schedule))
            assert record.aliases["champion"] == "3"


def test_a_death_between_any_two_calls_is_repaired_by_the_next_command():
    scores = {"1": 0.5, "2": 0.6, "3": 0.9}
    for history in ((), ("1",), ("1", "2")):
        for step in range(1, 16):
            play(Plan(scores, history, ("3",), deaths={0: step}))
            play(Plan(scores, history, (), rollbacks=1, deaths={0: step}))
            play(Plan(scores, history, (), crowned_by_hand=("3",), deaths={0: step}))


def test_a_holder_that_freezes_at_any_call_does_not_undo_what_others_did_meanwhile():
    scores = {"1": 0.5, "2": 0.7, "3": 0.9}
    for seconds in (9.0, 19.0, 25.0, 45.0):
        for step in range(1, 14):
            freezes = {0: (step, seconds)}
            record, _ = play(Plan(scores, ("1",), ("2", "3"), freezes=freezes))
            assert record.aliases["champion"] == "3"
            play(Plan(scores, ("1", "2"), ("3",), rollbacks=1, freezes=freezes))
            play(Plan(scores, ("1", "2"), ("3",), rollbacks=1, freezes={1: (step, seconds)}))
