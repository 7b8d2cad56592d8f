"""The versions of the registered model, for people who look at them now and then."""

import asyncio
import time
from typing import Final

from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.model.version import ModelSource, RegisteredVersion

_SECONDS_KEPT: Final = 15.0


class VersionHistory:
    """Asks the source, in a thread, and at most once in fifteen seconds however many look.

    Parameters
    ----------
    source : ModelSource
        What knows the versions.
    holder : ModelHolder
        What serves: another champion than before is a reason to ask anew.
    """

    def __init__(self, source: ModelSource, holder: ModelHolder) -> None:
        self._source, self._holder = source, holder
        self._served: LoadedModel | None = None
        self._lock = asyncio.Lock()
        self._asked_at = -_SECONDS_KEPT
        self._versions: list[RegisteredVersion] = []

    async def versions(self) -> list[RegisteredVersion]:
        """List the versions, the newest first.

        Raises
        ------
        SentimentError
            As `ModelSource.versions` does.
        """
        async with self._lock:
            is_old = time.monotonic() - self._asked_at > _SECONDS_KEPT
            served = self._holder.champion
            if is_old or served is not self._served:
                self._versions = await asyncio.to_thread(self._source.versions)
                self._asked_at, self._served = time.monotonic(), served
            return self._versions
