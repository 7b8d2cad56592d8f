"""Follows the aliases: resolves, fetches, checks and swaps, away from the requests."""

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sentiment_core.registry_names import CHAMPION
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.cache import LoadedModel, ModelCache
from sentiment_serve.model.errors import (
    AliasNotSetError,
    BadVersionError,
    SourceUnreachableError,
)
from sentiment_serve.model.holder import ModelHolder, ReloadFailure
from sentiment_serve.model.mlflow_server import RegistryClient, VersionRef

logger = logging.getLogger(__name__)

_JITTER: Final = 0.1
_IMPATIENT_SECONDS: Final = 2.0


class AliasWatcher:
    """Keeps the holder on what the registry names.

    Parameters
    ----------
    registry : RegistryClient
        Resolves aliases.
    cache : ModelCache
        Loads versions.
    fetch : callable
        Copies a package from an address into a folder.
    holder : ModelHolder
        Is kept up to date.
    metrics : ServeMetrics
        Counts.
    aliases : sequence of str
        What to follow.
    interval : float
        Seconds between checks; 0 checks only until the first champion is there.
    """

    def __init__(
        self,
        registry: RegistryClient,
        cache: ModelCache,
        fetch: Callable[[str, Path], None],
        holder: ModelHolder,
        metrics: ServeMetrics,
        *,
        aliases: tuple[str, ...],
        interval: float,
    ) -> None:
        self._registry = registry
        self._cache = cache
        self._fetch = fetch
        self._holder = holder
        self._metrics = metrics
        self._aliases = aliases
        self._interval = interval
        self._refused: dict[str, VersionRef] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Load the last good models from the cache, then follow the aliases in the background."""
        for alias in self._aliases:
            model = self._cache.last_good(alias)
            if model:
                self._swap(model)
                logger.warning(
                    "serving %s version %s from the cache until the registry answers",
                    model.name,
                    model.version,
                )
        self._task = asyncio.create_task(self._follow(), name="alias-watcher")

    async def stop(self) -> None:
        """End the background task."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def check(self, *, retry_refused: bool = False) -> bool:
        """Look at the aliases now.

        Parameters
        ----------
        retry_refused : bool, default False
            Also try a version that was refused before.

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
        try:
            ref = self._registry.resolve(alias)
            if ref != self._refused.get(alias):
                self._follow_to(ref)
        except AliasNotSetError as error:
            self._note_success()
            self._note_absent(alias, str(error))
        except BadVersionError as error:
            self._note_success()
            self._refuse(ref, str(error))
        except SourceUnreachableError as error:
            self._note_unreachable(str(error))
        else:
            self._note_success()

    def _follow_to(self, ref: VersionRef) -> None:
        current = self._holder.get(ref.alias)
        if current and current.version == ref.version and ref.digest in {None, current.digest}:
            if current.from_cache:
                self._holder.put(dataclasses.replace(current, from_cache=False))
        else:
            self._metrics.reload_attempts.inc()
            self._swap(self._cache.load(ref, self._fetch))
            logger.info("serving %s version %s as @%s", ref.name, ref.version, ref.alias)
        self._refused.pop(ref.alias, None)
        self._holder.failures.pop(ref.alias, None)
        self._holder.absences.pop(ref.alias, None)

    def _swap(self, model: LoadedModel) -> None:
        self._holder.put(model)
        self._metrics.show_model(model)

    def _refuse(self, ref: VersionRef, reason: str) -> None:
        self._refused[ref.alias] = ref
        self._holder.failures[ref.alias] = ReloadFailure(ref.version, reason, datetime.now(UTC))
        self._metrics.reload_failures.labels("bad_version").inc()
        logger.error("refused %s version %s: %s", ref.name, ref.version, reason)

    def _note_absent(self, alias: str, reason: str) -> None:
        self._refused.pop(alias, None)
        self._holder.failures.pop(alias, None)
        if alias != CHAMPION:
            self._holder.drop(alias)
        if self._holder.absences.get(alias) == reason:
            return  # it was said at the first check
        self._holder.absences[alias] = reason
        if alias == CHAMPION:
            logger.warning("%s%s", reason, self._what_serves())
        else:
            logger.info("%s", reason)

    def _what_serves(self) -> str:
        return " The model in use keeps serving." if self._holder.champion else ""

    def _note_success(self) -> None:
        self._holder.last_success = datetime.now(UTC)
        self._metrics.last_check.set_to_current_time()
        if self._holder.unreachable_since:
            logger.info("the registry answers again")
        self._holder.unreachable_since = self._holder.unreachable_reason = None

    def _note_unreachable(self, reason: str) -> None:
        self._metrics.reload_failures.labels("unreachable").inc()
        self._holder.unreachable_reason = reason
        if self._holder.unreachable_since is None:
            self._holder.unreachable_since = datetime.now(UTC)
            logger.warning("%s%s", reason, self._what_serves())
