"""The strongest terms of a model, for people who look at them now and then."""

import asyncio
from typing import Final

from sentiment_serve.model.cache import LoadedModel

Terms = list[tuple[str, float]]
"""Terms and coefficients, the strongest first."""

_COUNT: Final = 20


class TopTerms:
    """Sorts the terms of a model once, in a thread: a large vocabulary takes a while.

    It remembers the answer by the model's digest, so that no model stays in memory for it.
    """

    def __init__(self) -> None:
        self._digest = ""
        self._terms: tuple[Terms, Terms] = ([], [])

    async def of(self, model: LoadedModel) -> tuple[Terms, Terms]:
        """Return the negative and the positive ones."""
        if self._digest != model.digest:
            self._terms = await asyncio.to_thread(model.scorer.top_terms, _COUNT)
            self._digest = model.digest
        return self._terms
