"""What a source of models is asked: which version has an alias, and where its package is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from sentiment_core.errors import AliasNotSetError
from sentiment_core.registry_names import CHAMPION

_MAKE_A_CHAMPION: Final = (
    "Make one with `sentiment-cli train --champion` "
    "(in the containers: `docker compose exec training sentiment-cli train --champion`)."
)


@dataclass(frozen=True)
class VersionRef:
    """A version that an alias names, and the address of its model package."""

    name: str
    alias: str
    version: str
    run_id: str
    package_uri: str
    digest: str | None


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of the registered model, and what was decided of it when it was trained."""

    version: str
    created_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    decision: Mapping[str, str] = field(default_factory=dict)
    """By field: ``verdict``, ``reason``, ``metric``, ``candidate_score``, ``decided_at``, ..."""


class ModelSource(Protocol):
    """A place that knows which version has an alias."""

    def versions(self) -> list[RegisteredVersion]:
        """List the versions of the registered model, the newest first.

        Raises
        ------
        NotFoundError
            If the source knows the champion alone.
        SentimentError
            If the source does not answer, or not in this way, or not to this caller.
        """
        ...

    def resolve(self, alias: str) -> VersionRef:
        """Find the version that an alias names.

        Raises
        ------
        AliasNotSetError
            If the source answers, and no version has the alias.
        SentimentError
            If the source does not answer, or not in this way, or not to this caller.
        """
        ...


def alias_not_set(name: str, alias: str, source: str) -> AliasNotSetError:
    """Say that no version has an alias, and for the champion how to make one."""
    message = f"No {alias} exists: no version of {name} has @{alias} in the registry {source}."
    return AliasNotSetError(f"{message} {_MAKE_A_CHAMPION}" if alias == CHAMPION else message)
