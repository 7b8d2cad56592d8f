"""What happens to the aliases, as functions of the state alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_train.registry.decision import (
    HISTORY_LENGTH,
    Comparison,
    DeleteAlias,
    RegistryState,
    SetAlias,
    SetHistory,
    after,
    crown,
    decide,
    drop,
    former_champions,
    reconcile,
    step_back,
)
from tests.support.promotion_rules import make_rule

KNOWN = frozenset("12345")
versions = st.sampled_from("123456")  # the last one does not exist
states = st.builds(
    RegistryState,
    champion=st.none() | st.sampled_from("12345"),
    previous=st.none() | versions,
    challenger=st.none() | versions,
    history=st.none() | st.lists(versions, max_size=6).map(tuple),
    known=st.just(KNOWN),
)


@given(states)
def test_a_state_is_whole_after_reconciling_and_the_champion_is_the_one_it_was(state):
    whole = after(state, reconcile(state))
    assert reconcile(whole) == ()
    assert (whole.champion, whole.challenger) == (state.champion, state.challenger)
    assert set(whole.history or ()) <= KNOWN
    assert whole.previous == next(iter(former_champions(whole)), None)


@given(states, st.sampled_from("12345"))
def test_whatever_is_left_of_a_crowning_becomes_done_or_not_begun(state, version):
    state = after(state, reconcile(state))
    actions = crown(state, version)
    for written in range(len(actions) + 1):
        left = after(state, actions[:written])
        whole = after(left, reconcile(left))
        done = after(state, actions)
        assert (whole.champion, whole.history, whole.previous) in (
            (state.champion, state.history, state.previous),
            (done.champion, done.history, done.previous),
        )


@given(states)
def test_whatever_is_left_of_a_rollback_is_never_the_bad_one_before_a_good_one(state):
    state = after(state, reconcile(state))
    for steps, version in enumerate(former_champions(state), start=1):
        actions = step_back(state, steps)
        done = after(state, actions)
        assert done.champion == version
        assert former_champions(done) == former_champions(state)[steps:]
        for written in range(len(actions) + 1):
            left = after(state, actions[:written])
            whole = after(left, reconcile(left))
            assert whole.champion in {state.champion, version}
            assert former_champions(whole) in (former_champions(state), former_champions(done)) or (
                steps > 1 and whole.champion == state.champion
            )


def test_the_aliases_are_written_in_this_order():
    state = RegistryState("2", "1", "3", ("1", "2"), KNOWN)
    assert crown(state, "3") == (
        SetAlias("champion", "3"), SetHistory(("1", "2", "3")), SetAlias("previous", "2"),
        DeleteAlias("challenger"),
    )  # fmt: skip
    assert crown(state, "2") == ()
    assert step_back(state, 1) == (
        SetHistory(("1",)), SetAlias("champion", "1"), DeleteAlias("previous"),
    )  # fmt: skip
    assert drop(state, "champion") == (DeleteAlias("champion"), SetAlias("previous", "2"))
    assert drop(state, "trial") == (DeleteAlias("trial"),)


def test_the_history_has_an_end():
    known = frozenset(map(str, range(100)))
    state = RegistryState(history=(), known=known)
    for version in range(100):
        state = after(state, crown(state, str(version)))
    assert len(state.history) == HISTORY_LENGTH
    assert (state.history[-1], state.previous) == ("99", "98")


@pytest.mark.parametrize(
    ("metric", "mine", "rival", "min_gain", "objection", "verdict", "reason"),
    [
        ("f1", 0.8, 0.7, 0.0, None, "promoted", "because"),
        ("f1", 0.8, 0.8, 0.0, None, "not-promoted", "because"),
        ("f1", 0.7, 0.8, 0.0, None, "not-promoted", "because"),
        ("log_loss", 0.2, 0.3, 0.0, None, "promoted", "because"),
        ("log_loss", 0.3, 0.2, 0.0, None, "not-promoted", "because"),
        ("f1", 0.0, None, 0.0, None, "promoted", "because"),
        ("f1", 0.75, 0.5, 0.25, None, "promoted", "because"),
        ("f1", 0.7, 0.5, 0.25, None, "not-promoted", "because; promotion.min_gain is 0.25"),
        ("log_loss", 0.3, 0.4, 0.2, None, "not-promoted", "because; promotion.min_gain is 0.2"),
        ("f1", 0.8, 0.7, 0.0, "by chance", "not-promoted", "because; by chance"),
        ("f1", 0.7, 0.8, 0.0, "by chance", "not-promoted", "because"),
        ("f1", None, None, 0.0, "few rows", "not-promoted", "because; few rows"),
    ],
)
def test_only_what_is_better_on_the_same_rows_and_not_by_chance_wins(
    metric, mine, rival, min_gain, objection, verdict, reason
):
    """The figure on all rows, 0.99, does not count."""
    state = RegistryState("1", history=("1",), known=KNOWN)
    comparison = Comparison("1", mine, rival, "because", 0.25, 400, objection)
    rule = make_rule(metric=metric, min_gain=min_gain, alpha=0.05, min_rows=50)
    decision, actions = decide(state, "2", rule, 0.99, comparison)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert (decision.candidate_score, decision.champion_score) == (mine, rival)
    assert (decision.p_value, decision.n_rows) == (0.25, 400)
    assert bool(actions) == decision.promoted == (verdict == "promoted")
