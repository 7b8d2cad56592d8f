"""Who may change a registered model, who waits, and for how long."""

import json
import logging
import threading
import time

import mlflow
import pytest

from sentiment_core.errors import ConflictError, UnreachableError
from sentiment_train.registry.authority import Authority
from sentiment_train.registry.lease import (
    LEASE_TAG,
    BusyError,
    Lease,
    LeaseLostError,
    LeaseTerms,
    MachineClock,
)
from sentiment_train.registry.model_record import MlflowRecord
from tests.support.interleaving import InMemoryRecord, SkippingClock

TERMS = LeaseTerms(seconds=30.0, wait_seconds=100.0)


@pytest.fixture
def record():
    return InMemoryRecord("model", ("1",))


def lease(record, clock=None, terms=TERMS, say=str, purpose="promotion of version 1"):
    return Lease(record, purpose, terms, clock or SkippingClock(), say)


def leases(record):
    return [json.loads(value) for tag, value in record.tags.items() if tag.startswith(LEASE_TAG)]


def test_a_lease_says_who_holds_it_and_goes_with_the_block(record):
    with lease(record):
        (flag,) = leases(record)
        assert flag["holder"].startswith("promotion of version 1 by process ")
        assert flag["seconds"] == TERMS.seconds
    assert leases(record) == []
    with pytest.raises(KeyboardInterrupt), lease(record):
        raise KeyboardInterrupt
    assert leases(record) == []


def test_a_holder_that_died_blocks_for_one_lease_of_the_waiting_one(record):
    lease(record).__enter__()  # and never again seen
    said, clock = [], SkippingClock(1000.0)
    with lease(record, clock, say=said.append):
        assert TERMS.seconds <= clock.now() - 1000.0 < TERMS.seconds + 1.0
    assert len(said) == 1
    assert said[0].startswith("Waiting for the promotion of version 1 by process ")
    assert leases(record) == []


def test_a_holder_that_lives_is_waited_for_but_not_for_ever(record):
    holder = lease(record)
    holder.__enter__()

    class LivingClock(SkippingClock):
        def pause(self, seconds):
            super().pause(seconds)
            holder._write()  # another beat

    clock = LivingClock()
    with pytest.raises(BusyError, match="is being changed: promotion of version 1") as caught:
        lease(record, clock).__enter__()
    assert isinstance(caught.value, ConflictError)
    assert "PROMOTION_WAIT_SECONDS" in str(caught.value)
    assert clock.now() == pytest.approx(TERMS.wait_seconds, abs=1.0)
    assert len(leases(record)) == 1


def test_what_was_held_up_for_too_long_writes_no_more(record):
    clock = SkippingClock()
    with lease(record, clock) as held:
        clock.pause(TERMS.seconds - TERMS.margin)
        held.check()
        clock.pause(0.1)
        with pytest.raises(LeaseLostError) as caught:
            held.check()
    assert isinstance(caught.value, UnreachableError)  # a task is repeated


def test_a_renewal_counts_from_its_begin_and_only_in_time(record):
    clock = SkippingClock()
    write = record.set_tag

    def slow(key, value):
        clock.pause(delay)
        write(key, value)

    record.set_tag = slow
    delay = 0.0
    with lease(record, clock) as held:
        clock.pause(15.0)
        delay = 6.0
        held._renew()  # begun at 15, in time
        clock.pause(14.0)  # 35: twenty after its begin
        held.check()
        delay = 15.0
        held._renew()  # ends at 50: its flag may have been removed at 45
        with pytest.raises(LeaseLostError):
            held.check()


def test_a_renewal_that_fails_is_no_loss_by_itself(record, caplog):
    clock = SkippingClock()
    with lease(record, clock) as held:
        write, record.set_tag = record.set_tag, _refuse
        held._renew()
        held.check()
        record.set_tag = write
        clock.pause(15.0)
        held._renew()
        clock.pause(15.0)
        held.check()
        record.delete_tag = _refuse
        caplog.set_level(logging.WARNING)
    assert "stays locked for 30 s more" in caplog.text


def _refuse(*_):
    raise UnreachableError("no answer")


def test_an_attempt_that_fails_leaves_no_flag(record):
    read, reads = record.read, []

    def second_fails():
        reads.append(1)
        if len(reads) == 2:
            raise UnreachableError("no answer")
        return read()

    record.read = second_fails
    with pytest.raises(UnreachableError), lease(record):
        pass
    assert leases(record) == []


@pytest.mark.parametrize("value", ["", "x", "[]", "7", '{"seconds": -1}', '{"holder": "me"}',
                                   '{"holder": "me", "since": "", "seconds": "nan"}'])  # fmt: skip
def test_a_flag_that_makes_no_sense_dies_as_any_other(record, value):
    record.set_tag(f"{LEASE_TAG}by-hand", value)
    clock = SkippingClock()
    with lease(record, clock):
        assert clock.now() >= TERMS.seconds
    assert record.tags == {}


def test_beats_keep_a_long_work_alive_in_real_time(record):
    terms = LeaseTerms(seconds=0.6, wait_seconds=20.0)
    order = []

    def second():
        with lease(record, MachineClock(), terms):
            order.append("second")

    with lease(record, MachineClock(), terms) as held:
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(2.0)  # three leases
        held.check()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    assert leases(record) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "promotion-lease"]


@pytest.mark.filterwarnings("default")  # MLflow's own
def test_one_at_a_time_on_a_real_registry(two_versions):
    inside, most = [], []

    def work(number):
        record = MlflowRecord(two_versions.name, mlflow.MlflowClient())
        with Authority(record, LeaseTerms()).hold(f"test {number}"):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4
