"""Fetches the model in a process of its own, whose libraries do not stay in the memory."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from sentiment_core.scorer import LinearScorer


@dataclass(frozen=True)
class Model:
    """A registered version that labels."""

    name: str
    version: str
    scorer: LinearScorer


def fetch_model(name: str | None, reference: str) -> Model:
    """Fetch a version of a registered model.

    Parameters
    ----------
    name : str or None
        The registered model; None takes that of the settings.
    reference : str
        A version or an alias.

    Raises
    ------
    SentimentError
        If it does not exist or cannot be read.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        name, version, content = pool.submit(_fetch, name, reference).result()
    return Model(name, version, LinearScorer.from_bytes(content))


def _fetch(name: str | None, reference: str) -> tuple[str, str, bytes]:
    from sentiment_cli.settings import configure
    from sentiment_train.registry.versions import Registry

    registry = Registry(name or configure().model_name)
    version = registry.resolve(reference).version
    return registry.name, version, registry.load(version).scorer.to_bytes()
