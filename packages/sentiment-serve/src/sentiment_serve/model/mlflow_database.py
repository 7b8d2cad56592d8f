"""Reads an MLflow registry without a server: a database, which only MLflow itself can read.

It does so in a process of its own, so that the API never carries MLflow's weight.
"""

from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from sentiment_core.errors import UnreachableError
from sentiment_serve.model import mlflow_subprocess
from sentiment_serve.model.command import run_module
from sentiment_serve.model.mlflow_server import ListedVersions, ResolvedAlias
from sentiment_serve.model.version import RegisteredVersion, VersionRef, alias_not_set
from sentiment_serve.settings import ServeSettings

_ALIAS_ANSWER: Final = TypeAdapter[ResolvedAlias | None](ResolvedAlias | None)
_VERSIONS_ANSWER: Final = TypeAdapter[ListedVersions](ListedVersions)

_AnswerT = TypeVar("_AnswerT")


class MlflowDatabase:
    """A registry in a database, usually an SQLite file."""

    def __init__(self, settings: ServeSettings) -> None:
        self._uri = settings.tracking_uri
        self._name = settings.registered_model

    def resolve(self, alias: str) -> VersionRef:  # noqa: D102 - as in the protocol
        answer = self._ask(_ALIAS_ANSWER, alias)
        if answer is None:
            raise alias_not_set(self._name, alias, self._uri)
        return answer.version_ref(self._name, alias)

    def versions(self) -> list[RegisteredVersion]:  # noqa: D102 - as in the protocol
        return self._ask(_VERSIONS_ANSWER).registered()

    def _ask(self, shape: TypeAdapter[_AnswerT], *arguments: str) -> _AnswerT:
        result = run_module(mlflow_subprocess.__name__, self._uri, self._name, *arguments)
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise UnreachableError(f"Cannot read the registry {self._uri}: {lines[-1]}")
        try:
            return shape.validate_json(result.stdout)
        except ValidationError as error:
            raise UnreachableError(f"Cannot understand the registry {self._uri}.") from error
