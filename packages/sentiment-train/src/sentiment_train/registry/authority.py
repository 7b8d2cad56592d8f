"""The one authority over the aliases of a registered model.

Promotions, rollbacks, alias moves and exports take its lease, see a state that is whole, and hand
it the actions that were decided on that state.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from sentiment_core.errors import NotFoundError
from sentiment_core.registry_names import CHALLENGER, CHAMPION, PREVIOUS
from sentiment_train.registry.decision import (
    Action,
    DeleteAlias,
    RegistryState,
    SetAlias,
    SetHistory,
    after,
    reconcile,
)
from sentiment_train.registry.lease import Clock, Lease, LeaseTerms, MachineClock
from sentiment_train.registry.model_record import ModelRecord

logger = logging.getLogger(__name__)

HISTORY_TAG: Final = "champion.history"
"""Tag of a registered model: its champions in order, the oldest first, as JSON."""


class Held:
    """The state of a registered model that nobody else changes now, and the right to change it."""

    def __init__(self, record: ModelRecord, lease: Lease) -> None:
        self._record = record
        self._lease = lease
        self.state = read_state(record)

    def check(self) -> None:
        """Make sure that the lease still holds; LeaseLostError if not."""
        self._lease.check()

    def execute(self, actions: Iterable[Action]) -> None:
        """Write actions one by one, in order.

        Raises
        ------
        LeaseLostError
            If the lease ran out; the actions before were written.
        """
        for action in actions:
            self._lease.check()
            self._write(action)
            self.state = after(self.state, [action])

    def require(self, version: str) -> None:
        """Raise NotFoundError unless a version exists."""
        if version not in self.state.known:
            raise NotFoundError(f"{self._record.name} has no version {version}.")

    def _write(self, action: Action) -> None:
        if isinstance(action, SetAlias):
            self._record.set_alias(action.alias, action.version)
        elif isinstance(action, DeleteAlias):
            self._record.delete_alias(action.alias)
        elif isinstance(action, SetHistory):
            self._record.set_tag(HISTORY_TAG, json.dumps(action.versions))


class Authority:
    """Who lets one process at a time change a registered model."""

    def __init__(
        self,
        record: ModelRecord,
        terms: LeaseTerms,
        clock: Clock | None = None,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self.record = record
        self._terms = terms
        self._clock = clock or MachineClock()
        self._say = say

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Held]:
        """Take the lease, for as long as the block runs, and make the state whole first.

        Parameters
        ----------
        purpose : str
            What those who wait are told: ``"promotion of version 3"``.

        Raises
        ------
        SentimentError
            As `sentiment_train.registry.lease.Lease`.
        """
        with Lease(self.record, purpose, self._terms, self._clock, self._say) as lease:
            held = Held(self.record, lease)
            held.execute(reconcile(held.state))
            yield held


def read_state(record: ModelRecord) -> RegistryState:
    """Read the state, as it is, whole or not."""
    aliases, tags = record.read()
    return RegistryState(
        champion=aliases.get(CHAMPION),
        previous=aliases.get(PREVIOUS),
        challenger=aliases.get(CHALLENGER),
        history=_read_history(tags.get(HISTORY_TAG)),
        known=record.versions(),
    )


def _read_history(text: str | None) -> tuple[str, ...] | None:
    """Read the tag; one that somebody has spoiled is as none."""
    try:
        versions = json.loads(text or "null")
    except ValueError:
        return None
    return tuple(map(str, versions)) if isinstance(versions, list) else None
