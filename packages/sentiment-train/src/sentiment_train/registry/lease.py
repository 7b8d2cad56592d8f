"""Lets one process at a time change the aliases of a registered model, wherever it runs.

All that promoters surely share is the registry itself: they may run on machines with nothing in
common but an MLflow server, so no file lock, database lock, Prefect limit or conditional write to
a bucket would hold everywhere, and the lease stands in the registry. MLflow cannot compare and
swap, but a write that has returned is seen by every read that begins later, and this is enough for
mutual exclusion: write a flag of one's own, then read all flags, and go on only if it is the only
one (Dekker's argument, in E. W. Dijkstra, Cooperating Sequential Processes, 1965; L. Lamport, A
Fast Mutual Exclusion Algorithm, 1987). Of two at once, the one that reads later sees the other. Who
sees another takes the flag away, waits for a random while and tries again.

A flag is a tag of the registered model, and its holder changes it all the time. Who waits takes a
flag for dead that has not changed for a whole lease of its own clock, and removes it; no clocks of
two machines are compared. The holder stops writing well before that, by its own clock. What is
left is a write that is under way for longer than the margin (a holder that is frozen between the
look at its clock and the sending, a network that keeps a request): it may arrive when another
process has gone on. The alias is then on a version that its holder had decided for, the former
champion is `previous`, and the next command makes history and aliases agree. A tracking server that
reads from a replica of its database (MLFLOW_READ_REPLICA_BACKEND_STORE_URI) does not show a write
to every later read: the lease does not hold there.
"""

import json
import logging
import math
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, Self

from sentiment_core.errors import ConflictError, SentimentError, UnreachableError
from sentiment_train.registry.model_record import ModelRecord
from sentiment_train.settings import PROMOTION_WAIT_SECONDS

logger = logging.getLogger(__name__)

LEASE_TAG: Final = "promotion.lease."
"""Beginning of the tag's name; the rest is random, and never used again."""

_LONG_WAIT_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = (0.05, 0.3)
_LAST_BEAT_SECONDS: Final = 0.5
_BOOT_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class BusyError(ConflictError):
    """Another process changes the aliases, and went on for longer than one may wait."""

    code = "busy"


class LeaseLostError(UnreachableError):
    """The lease ran out while it was held: what was decided has to be decided anew."""

    code = "lease-lost"


@dataclass(frozen=True)
class LeaseTerms:
    """How long a holder that died blocks the others, and how long one waits for one that lives."""

    seconds: float = 30.0
    wait_seconds: float = PROMOTION_WAIT_SECONDS

    @property
    def margin(self) -> float:
        """Time before the end of the lease in which nothing is written any more."""
        return self.seconds / 3


class Clock(Protocol):
    """Time, as a lease needs it."""

    def now(self) -> float:
        """Return seconds that only grow."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait."""
        ...

    def every(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call again and again from now on; what is returned ends it."""
        ...


class MachineClock:
    """The time of this machine, which also passes while it is suspended."""

    def now(self) -> float:
        """Return the seconds since the machine was started."""
        return time.clock_gettime(_BOOT_CLOCK)

    def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def every(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call from a thread of its own, which ends with the process at the latest."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(seconds):
                call()

        thread = threading.Thread(target=beat, name="promotion-lease", daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            # A beat that is under way would write the flag again after its end. One that hangs
            # costs the next promotion the wait for a dead holder.
            thread.join(_LAST_BEAT_SECONDS)

        return end


class _Flag(NamedTuple):
    """What another holder says of itself."""

    holder: str
    since: str
    seconds: float


class Lease:
    """The right to change the aliases of a registered model, for as long as the block runs.

    Parameters
    ----------
    record : ModelRecord
        The registered model.
    purpose : str
        What the holder does, for those who wait: ``"promotion of version 3"``.
    terms : LeaseTerms
        Of this holder; those who wait read its length from the flag.
    say : callable
        Is told once whom this waits for, if that takes long.

    Raises
    ------
    BusyError
        If others hold the lease for longer than the terms allow to wait.
    NotFoundError
        If there is no such registered model.
    UnreachableError
        If the registry does not answer.
    """

    def __init__(
        self,
        record: ModelRecord,
        purpose: str,
        terms: LeaseTerms,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._record = record
        self._terms = terms
        self._clock = clock
        self._say = say
        self._tag = LEASE_TAG + secrets.token_hex(8)
        self._value: dict[str, Any] = {
            "holder": f"{purpose} by process {os.getpid()} on {socket.gethostname()}",
            "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "seconds": terms.seconds,
            "beat": 0,
        }
        self._renewed = -math.inf
        self._seen: dict[tuple[str, str], float] = {}
        self._end_beats: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        """Wait for the lease and take it."""
        begin = self._clock.now()
        told = False
        while rival := self._try():
            waited = self._clock.now() - begin
            if waited > self._terms.wait_seconds:
                raise BusyError(
                    f"{self._record.name} is being changed: {rival.holder}, since {rival.since}. "
                    f"This has waited for {waited:.0f} s (PROMOTION_WAIT_SECONDS). Run it again "
                    f"later; one that has died is passed over after {rival.seconds:.0f} s."
                )
            if not told and waited > _LONG_WAIT_SECONDS:
                told = True
                self._say(f"Waiting for the {rival.holder}, since {rival.since}")
            self._clock.pause(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - against lockstep
        self._end_beats = self._clock.every(self._terms.seconds / 3, self._renew)
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the lease back."""
        self._end_beats()
        try:
            self._record.delete_tag(self._tag)
        except SentimentError as error:
            logger.warning(
                "%s stays locked for %.0f s more: %s",
                self._record.name, self._terms.seconds, error,
            )  # fmt: skip

    def check(self) -> None:
        """Make sure that there is time left for one more write.

        Raises
        ------
        LeaseLostError
            If not.
        """
        age = self._clock.now() - self._renewed
        if age > self._terms.seconds - self._terms.margin:
            raise LeaseLostError(
                f"This process was held up for {age:.0f} s while it changed {self._record.name}: "
                "another one may have gone on. Run it again: it is decided anew."
            )

    def _try(self) -> _Flag | None:
        """Take the lease, or return one of those who are in the way."""
        if rivals := self._others():
            return rivals[0]
        try:
            self._renewed = self._write()
            rivals = self._others()
        except BaseException:
            with suppress(SentimentError):
                self._record.delete_tag(self._tag)
            raise
        if not rivals and self._clock.now() - self._renewed < self._terms.seconds:
            return None
        self._record.delete_tag(self._tag)
        return rivals[0] if rivals else _read_flag(json.dumps(self._value), self._terms.seconds)

    def _write(self) -> float:
        """Write the flag, and return the moment from which it counts: that before the write."""
        begin = self._clock.now()
        self._value["beat"] += 1
        self._record.set_tag(self._tag, json.dumps(self._value))
        return begin

    def _renew(self) -> None:
        valid_until = self._renewed + self._terms.seconds
        if self._clock.now() >= valid_until:
            return
        try:
            renewed = self._write()
        except Exception as error:  # noqa: BLE001 - the next beat comes, or `check` fails
            logger.debug("The lease of %s is not renewed: %s", self._record.name, error)
            return
        # One that came too late may have been removed before: it counts for nothing.
        if self._clock.now() < valid_until:
            self._renewed = renewed

    def _others(self) -> list[_Flag]:
        """Read the flags of others, and remove those of the dead."""
        asked = self._clock.now()
        tags = self._record.read().tags
        answered = self._clock.now()
        flags = [
            (tag, value)
            for tag, value in sorted(tags.items())
            if tag.startswith(LEASE_TAG) and tag != self._tag
        ]
        # When each was first seen as it is now.
        self._seen = {flag: self._seen.get(flag, answered) for flag in flags}
        living = []
        for (tag, value), first_seen in self._seen.items():
            flag = _read_flag(value, self._terms.seconds)
            if asked - first_seen >= flag.seconds:
                self._record.delete_tag(tag)
            else:
                living.append(flag)
        return living


def _read_flag(value: str, seconds: float) -> _Flag:
    """Read a flag; what is none was written by hand, and dies as any other."""
    try:
        fields = json.loads(value)
        flag = _Flag(str(fields["holder"]), str(fields["since"]), float(fields["seconds"]))
    except (ValueError, KeyError, TypeError):
        return _Flag("change by an unknown process", "an unknown time", seconds)
    return flag if 0 < flag.seconds < math.inf else flag._replace(seconds=seconds)
