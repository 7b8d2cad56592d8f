"""Follows the aliases: resolves, fetches, checks and swaps, away from the requests."""

import asyncio
import contextlib
import logging
import random
import time
from typing import Final

from sentiment_core.errors import AliasNotSetError, ModelError, SentimentError, UnreachableError
from sentiment_serve.model.cache import FetchPackage, ModelCache
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.model.version import ModelSource, VersionRef

logger = logging.getLogger(__name__)

LOOK: Final = b"look"
LOOK_AND_RETRY: Final = b"look-and-retry"
"""What one worker tells the others: see `AliasWatcher.on_message`."""

_JITTER: Final = 0.1
_IMPATIENT_SECONDS: Final = 2.0
_REFUSED_SECONDS: Final = 300.0


class AliasWatcher:
    """Keeps the holder on what the source names.

    Parameters
    ----------
    fetch : callable
        Reads the files of a package at an address.
    interval : float
        Seconds between checks; 0 checks only until the first champion is there.
    """

    def __init__(
        self,
        source: ModelSource,
        cache: ModelCache,
        fetch: FetchPackage,
        holder: ModelHolder,
        *,
        aliases: tuple[str, ...],
        interval: float,
    ) -> None:
        self._source = source
        self._cache = cache
        self._fetch = fetch
        self._holder = holder
        self._aliases = aliases
        self._interval = interval
        self._refused: dict[str, tuple[VersionRef, float]] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._told: set[asyncio.Task[bool]] = set()

    def start(self) -> None:
        """Load the last good models from the cache, then follow the aliases in the background."""
        for alias in self._aliases:
            self._load_last_good(alias)
        self._task = asyncio.create_task(self._follow(), name="alias-watcher")

    async def stop(self) -> None:
        """End the background tasks."""
        for task in (*self._told, *([self._task] if self._task else [])):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def check(self, *, retry_refused: bool = False) -> bool:
        """Look at the aliases now; with `retry_refused` also try a version that was refused before.

        Returns
        -------
        bool
            Whether another champion serves now than when this was called.
        """
        before = self._holder.champion
        async with self._lock:
            if retry_refused:
                self._refused.clear()
            for alias in self._aliases:
                await asyncio.to_thread(self._check_alias, alias)
            after = self._holder.champion
        return after is not None and (before is None or before.version != after.version)

    def on_message(self, message: bytes) -> None:
        """Look at the aliases soon, because another worker says so."""
        task = asyncio.create_task(self.check(retry_refused=message == LOOK_AND_RETRY))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def _follow(self) -> None:
        while True:
            try:
                await self.check()
            except Exception:
                logger.exception("checking the aliases failed")
            if self._holder.champion is None:
                pause = min(self._interval or _IMPATIENT_SECONDS, _IMPATIENT_SECONDS)
            elif self._interval == 0:
                return
            else:
                pause = self._interval
            await asyncio.sleep(pause * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311

    def _check_alias(self, alias: str) -> None:
        """Follow one alias; whatever happens to it, the next one gets its turn."""
        try:
            self._follow_to(self._source.resolve(alias))
        except AliasNotSetError as error:
            self._refused.pop(alias, None)
            self._holder.note_absent(alias, str(error))
        except SentimentError as error:
            self._note_unreachable(alias, error.code, str(error))
            return
        except OSError as error:  # of this machine: too many open files, a disk that fails
            reason = f"Checking @{alias} failed: {error.strerror or error}."
            self._note_unreachable(alias, UnreachableError.code, reason)
            return
        except Exception as error:
            logger.exception("checking @%s failed", alias)
            reason = f"Checking @{alias} failed unexpectedly ({type(error).__name__})."
            self._note_unreachable(alias, SentimentError.code, reason)
            return
        self._holder.note_answer(alias)

    def _note_unreachable(self, alias: str, code: str, reason: str) -> None:
        self._holder.note_unreachable(alias, code, reason)
        if self._holder.get(alias) is None:  # what could not be read at the start may be readable
            self._load_last_good(alias)

    def _load_last_good(self, alias: str) -> None:
        try:
            model = self._cache.last_good(alias)
        except Exception:  # whatever lies in the cache, the worker starts
            logger.exception("reading the cache of @%s failed", alias)
            return
        if model:
            self._holder.load(model)

    def _follow_to(self, ref: VersionRef) -> None:
        refused, until = self._refused.get(ref.alias, (None, 0.0))
        # The same version may hold other files by now.
        if ref == refused and time.monotonic() < until:
            return
        current = self._holder.get(ref.alias)
        if current and current.version == ref.version and ref.digest in {None, current.digest}:
            self._holder.confirm(ref.alias)
        else:
            self._holder.note_attempt(ref.alias)
            try:
                model = self._cache.load(ref, self._fetch)
            except ModelError as error:
                self._refused[ref.alias] = ref, time.monotonic() + _REFUSED_SECONDS
                self._holder.refuse(ref.alias, ref.version, str(error))
                return
            self._holder.load(model)
        self._refused.pop(ref.alias, None)
