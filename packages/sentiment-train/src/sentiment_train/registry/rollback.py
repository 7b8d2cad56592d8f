"""Goes back to an earlier champion, past those that cannot serve any more."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sentiment_core.errors import ConflictError, NotReadyError
from sentiment_train.registry.authority import Authority
from sentiment_train.registry.decision import former_champions, step_back
from sentiment_train.registry.mlflow_errors import PROVEN_BAD

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rollback:
    """The version that served until now, the one that serves again, and how many are before it."""

    former: str | None
    champion: str
    earlier: int
    passed_over: tuple[str, ...] = ()


def roll_back(
    authority: Authority, load: Callable[[str], object], only_from: str | None = None
) -> Rollback:
    """Make the champion before this one the champion again; no alias but `previous` follows.

    Parameters
    ----------
    authority : Authority
        Of the registered model.
    load : callable
        Reads the model of a version and checks it.
    only_from : str, optional
        The version that is taken for the champion: whoever asks twice goes back once.

    Raises
    ------
    ConflictError
        If another version than `only_from` is the champion.
    NotReadyError
        If no earlier champion can serve.
    SentimentError
        If an earlier champion cannot be read, which says nothing of its model.
    """
    with authority.hold("rollback") as held:
        former = held.state.champion
        if only_from is not None and former != only_from:
            raise ConflictError(
                f"The champion of {authority.record.name} is version {former}, not {only_from}: "
                "nothing was changed."
            )
        bad: list[str] = []
        last_fault = ""
        earlier = former_champions(held.state)
        for steps, version in enumerate(earlier, start=1):
            try:
                load(version)
            except PROVEN_BAD as error:
                last_fault = f" Version {version} cannot serve: {error}"
                logger.warning("Version %s is passed over: %s", version, error)
                bad.append(version)
                continue
            held.execute(step_back(held.state, steps))
            return Rollback(former, version, len(earlier) - steps, tuple(bad))
    raise NotReadyError(
        f"{authority.record.name} has no previous champion to roll back to.{last_fault} Choose a "
        "version with `sentiment-cli list-versions`, and let it serve with `sentiment-cli "
        "set-alias --alias champion --version N`."
    )
