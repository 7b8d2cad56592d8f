"""Holds the models that answer, and what is known about their freshness."""

from dataclasses import dataclass
from datetime import datetime

from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_serve.model.cache import LoadedModel


@dataclass(frozen=True)
class ReloadFailure:
    """Why a version was not loaded."""

    version: str
    reason: str
    since: datetime


class ModelHolder:
    """One slot for each alias; replacing a model is one assignment.

    A request reads a slot once and keeps what it read.
    """

    def __init__(self) -> None:
        self._models: dict[str, LoadedModel] = {}
        self.last_success: datetime | None = None
        self.unreachable_since: datetime | None = None
        self.unreachable_reason: str | None = None
        self.failures: dict[str, ReloadFailure] = {}
        self.absences: dict[str, str] = {}

    @property
    def champion(self) -> LoadedModel | None:
        """The model that answers."""
        return self._models.get(CHAMPION)

    @property
    def challenger(self) -> LoadedModel | None:
        """The candidate, if it is followed."""
        return self._models.get(CHALLENGER)

    def get(self, alias: str) -> LoadedModel | None:
        """Return the model of an alias.

        Parameters
        ----------
        alias : str
            For example ``champion``.

        Returns
        -------
        LoadedModel or None
            None if none is loaded.
        """
        return self._models.get(alias)

    def put(self, model: LoadedModel) -> None:
        """Let a model answer from now on.

        Parameters
        ----------
        model : LoadedModel
            It passed its checks.
        """
        self._models[model.alias] = model

    def drop(self, alias: str) -> None:
        """Forget the model of an alias.

        Parameters
        ----------
        alias : str
            For example ``challenger``.
        """
        self._models.pop(alias, None)

    def why_no_champion(self) -> str:
        """Say why there is no model that answers, and what to do.

        Returns
        -------
        str
            Plain sentences.
        """
        failure = self.failures.get(CHAMPION)
        if self.unreachable_reason:
            reason = self.unreachable_reason
        elif failure:
            reason = f"Version {failure.version} was refused: {failure.reason}"
        elif CHAMPION in self.absences:
            return self.absences[CHAMPION]
        else:
            reason = "The registry is being asked; try again in a moment."
        return f"No champion is loaded. {reason}"

    def degradations(self) -> list[str]:
        """Say in words what is not as it should be; the API answers all the same.

        Returns
        -------
        list of str
            Empty when all is well.
        """
        found = []
        if self.unreachable_since:
            found.append(f"{self.unreachable_reason} Since {self.unreachable_since.isoformat()}.")
        champion = self.champion
        if champion and champion.from_cache:
            found.append("The champion comes from the cache; the registry has not confirmed it.")
        found += [
            f"Version {failure.version} (@{alias}) was refused: {failure.reason}"
            for alias, failure in self.failures.items()
        ]
        return found
