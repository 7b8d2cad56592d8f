"""Fetches a registered model, in this process or in another."""

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


def load_model(name: str | None, reference: str) -> Model:
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
    from sentiment_cli.settings import configure
    from sentiment_train.registry.versions import Registry

    settings = configure()
    registry = Registry(name or settings.model_name)
    version = registry.resolve(reference).version
    return Model(registry.name, version, registry.load(version).scorer)


def load_model_elsewhere(name: str | None, reference: str) -> Model:
    """Do what `load_model` does in a process of its own, whose libraries do not stay in memory."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        name, version, content = pool.submit(_fetch, name, reference).result()
    return Model(name, version, LinearScorer.from_bytes(content))


def _fetch(name: str | None, reference: str) -> tuple[str, str, bytes]:
    model = load_model(name, reference)
    return model.name, model.version, model.scorer.to_bytes()
