"""Aliases and tags of one registered model: the port that changes of aliases go through."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from sentiment_core.errors import InputError, NotFoundError
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors

_PAGE: Final = 1000


class Snapshot(NamedTuple):
    """What stands at a registered model."""

    aliases: dict[str, str]
    tags: dict[str, str]


class ModelRecord(Protocol):
    """One registered model; a write that has returned is seen by every read that begins later."""

    @property
    def name(self) -> str:
        """Name of the registered model."""
        ...

    def read(self) -> Snapshot:
        """Read all aliases and tags.

        Raises
        ------
        NotFoundError
            If there is no such registered model.
        """
        ...

    def versions(self) -> frozenset[str]:
        """Name all versions that exist."""
        ...

    def set_alias(self, alias: str, version: str) -> None:
        """Make an alias name a version.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        InputError
            If the alias is not allowed.
        """
        ...

    def delete_alias(self, alias: str) -> None:
        """Remove an alias; one that is not there is no error."""
        ...

    def set_tag(self, key: str, value: str) -> None:
        """Write a tag, also over an older value."""
        ...

    def delete_tag(self, key: str) -> None:
        """Remove a tag; one that is not there is no error."""
        ...


class MlflowRecord:
    """A registered model of the MLflow that this process is configured for."""

    def __init__(self, name: str, client: MlflowClient) -> None:
        self.name = name
        self._client = client

    @mapped_mlflow_errors()
    def read(self) -> Snapshot:  # noqa: D102 - as in the protocol
        # Searches return models and versions without their aliases.
        model = self._client.get_registered_model(self.name)
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        return Snapshot(aliases, {str(key): str(value) for key, value in model.tags.items()})

    def versions(self) -> frozenset[str]:  # noqa: D102 - as in the protocol
        return frozenset(str(version.version) for version in self.search())

    def search(self) -> Iterator[ModelVersion]:
        """Find all versions, as MLflow describes them, without their aliases."""
        token = None
        while True:
            with mapped_mlflow_errors():
                page = self._client.search_model_versions(
                    f"name = '{self.name}'", max_results=_PAGE, page_token=token
                )
            yield from page
            token = page.token
            if not token:
                return

    def set_alias(self, alias: str, version: str) -> None:  # noqa: D102 - as in the protocol
        try:
            with mapped_mlflow_errors():
                self._client.set_registered_model_alias(self.name, alias, version)
        except NotFoundError as error:
            raise NotFoundError(f"{self.name} has no version {version}.") from error
        except InputError as error:
            raise InputError(f"The registry refuses the alias {alias!r}: {error}") from error

    @mapped_mlflow_errors()
    def delete_alias(self, alias: str) -> None:  # noqa: D102 - as in the protocol
        self._client.delete_registered_model_alias(self.name, alias)

    @mapped_mlflow_errors()
    def set_tag(self, key: str, value: str) -> None:  # noqa: D102 - as in the protocol
        self._client.set_registered_model_tag(self.name, key, value)

    @mapped_mlflow_errors()
    def delete_tag(self, key: str) -> None:  # noqa: D102 - as in the protocol
        self._client.delete_registered_model_tag(self.name, key)
