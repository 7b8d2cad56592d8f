"""The versions of the registered model, for people who look at them now and then."""

import asyncio
import time
from typing import Final

from sentiment_serve.model.version import ModelSource, RegisteredVersion

_SECONDS_KEPT: Final = 15.0


class VersionHistory:
    """Asks the source, in a thread, and at most once in fifteen seconds however many look.

    Parameters
    ----------
    source : ModelSource
        What knows the versions.
    """

    def __init__(self, source: ModelSource) -> None:
        self._source = source
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
            if time.monotonic() - self._asked_at > _SECONDS_KEPT:
                self._versions = await asyncio.to_thread(self._source.versions)
                self._asked_at = time.monotonic()
            return self._versions
