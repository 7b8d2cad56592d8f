"""Asks an MLflow server over its REST API, without MLflow's weight."""

from datetime import UTC, datetime
from typing import Final, Literal, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from urllib3.util import parse_url

from sentiment_core.errors import (
    DeniedError,
    InputError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)
from sentiment_core.registry_names import DECISION_PREFIX, PACKAGE_ARTIFACT, SCORER_DIGEST_TAG
from sentiment_serve.model.http import error_of_status, mapped_http_errors
from sentiment_serve.model.version import RegisteredVersion, VersionRef, alias_not_set
from sentiment_serve.settings import ServeSettings

MLFLOW_ANSWERS: Final[dict[tuple[int, str], type[SentimentError]]] = {
    (404, "RESOURCE_DOES_NOT_EXIST"): NotFoundError,
    (400, "INVALID_PARAMETER_VALUE"): InputError,
}
"""What a status and an error code of MLflow mean together; elsewhere the status decides."""

MOST_VERSIONS: Final = 100
"""How many of the newest versions are listed."""

_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=10.0)
_SECRETS_TO_CHECK: Final = (
    "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
)


class _Answer(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True, protected_namespaces=())


class _Tag(_Answer):
    key: str
    value: str = ""


class _Version(_Answer):
    version: str = Field(min_length=1)
    run_id: str | None = None
    creation_timestamp: str | None = None
    tags: list[_Tag] = []

    @property
    def identity(self) -> tuple[str, ...]:
        """Tell it from a version of the same number in a model that was deleted and made anew."""
        return self.version, self.run_id or "", self.creation_timestamp or ""


class _AliasAnswer(_Answer):
    model_version: _Version


class _LocationAnswer(_Answer):
    artifact_uri: str = Field(min_length=1)


class ResolvedAlias(_AliasAnswer, _LocationAnswer):
    """A version and the address of its files, as MLflow answers them."""

    def version_ref(self, name: str, alias: str) -> VersionRef:
        """Say it in the words of this package."""
        version = self.model_version
        tags = {tag.key: tag.value for tag in version.tags}
        return VersionRef(
            name=name,
            alias=alias,
            version=version.version,
            run_id=version.run_id or "",
            package_uri=f"{self.artifact_uri.rstrip('/')}/{PACKAGE_ARTIFACT}",
            digest=tags.get(SCORER_DIGEST_TAG),
        )


class _Alias(_Answer):
    alias: str
    version: str = ""


class _Model(_Answer):
    name: str
    aliases: list[_Alias] = []


class _ModelAnswer(_Answer):
    registered_model: _Model


class ListedVersions(_Answer):
    """Versions and aliases, as MLflow answers them."""

    model_versions: list[_Version] = []
    aliases: list[_Alias] = []

    def registered(self) -> list[RegisteredVersion]:
        """Say it in the words of this package."""
        return [
            RegisteredVersion(
                version=found.version,
                created_at=_moment(found.creation_timestamp),
                aliases=tuple(item.alias for item in self.aliases if item.version == found.version),
                decision={
                    tag.key.removeprefix(DECISION_PREFIX): tag.value
                    for tag in found.tags
                    if tag.key.startswith(DECISION_PREFIX)
                },
            )
            for found in self.model_versions
        ]


def _moment(milliseconds: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(milliseconds or "") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class _ErrorAnswer(_Answer):
    error_code: str = ""


_AnswerT = TypeVar("_AnswerT", bound=_Answer)
_Path = Literal[
    "registered-models/alias",
    "registered-models/get",
    "model-versions/get-download-uri",
    "model-versions/search",
]


def http_headers(settings: ServeSettings) -> dict[str, str]:
    """Build the headers that authenticate with the registry server, if it needs any."""
    if settings.mlflow_tracking_token:
        token = settings.mlflow_tracking_token.get_secret_value()
        return {"Authorization": f"Bearer {token}"}
    if settings.mlflow_tracking_username:
        password = settings.mlflow_tracking_password
        secret = password.get_secret_value() if password else ""
        return urllib3.make_headers(basic_auth=f"{settings.mlflow_tracking_username}:{secret}")
    return {}


class MlflowServer:
    """An MLflow registry behind a server."""

    def __init__(self, settings: ServeSettings, pool: urllib3.PoolManager) -> None:
        self._base = settings.tracking_uri.rstrip("/")
        # Anybody may read the messages.
        self._shown = parse_url(self._base)._replace(auth=None).url
        self._name = settings.registered_model
        self._headers = http_headers(settings)
        self._pool = pool
        self._located: dict[str, tuple[tuple[str, ...], str]] = {}

    def resolve(self, alias: str) -> VersionRef:  # noqa: D102 - as in the protocol
        version = self._find(alias)
        # The place of a version never changes: to ask for it each time doubles what a server has
        # to answer to many replicas.
        identity, uri = self._located.get(alias, ((), ""))
        if identity != version.identity:
            uri = self._get(
                _LocationAnswer,
                "model-versions/get-download-uri",
                name=self._name,
                version=version.version,
            ).artifact_uri
            self._located[alias] = version.identity, uri
        answer = ResolvedAlias(model_version=version, artifact_uri=uri)
        return answer.version_ref(self._name, alias)

    def versions(self) -> list[RegisteredVersion]:  # noqa: D102 - as in the protocol
        found = self._get(
            ListedVersions,
            "model-versions/search",
            filter=f"name='{self._name}'",
            max_results=str(MOST_VERSIONS),
            order_by="creation_timestamp DESC",
        )
        return ListedVersions(
            model_versions=found.model_versions, aliases=self._aliases()
        ).registered()

    def _find(self, alias: str) -> _Version:
        try:
            answer = self._get(
                _AliasAnswer, "registered-models/alias", name=self._name, alias=alias
            )
        except NotFoundError as error:
            raise alias_not_set(self._name, alias, self._shown) from error
        except InputError as error:
            # MLflow says so where the model lacks the alias, and for other reasons.
            if alias in {item.alias for item in self._aliases()}:
                raise
            raise alias_not_set(self._name, alias, self._shown) from error
        return answer.model_version

    def _aliases(self) -> list[_Alias]:
        try:
            answer = self._get(_ModelAnswer, "registered-models/get", name=self._name)
        except NotFoundError:
            return []
        return answer.registered_model.aliases

    def _get(self, shape: type[_AnswerT], path: _Path, **query: str) -> _AnswerT:
        url = f"{self._base}/api/2.0/mlflow/{path}?{urlencode(query, quote_via=quote)}"
        with mapped_http_errors(f"The registry {self._shown}"):
            response = self._pool.request("GET", url, headers=self._headers, timeout=_TIMEOUT)
        if error_of_status(response.status):
            raise self._error(response, path)
        try:
            return shape.model_validate_json(response.data)
        except ValidationError as error:
            raise self._not_mlflow(response.status) from error

    def _error(self, response: urllib3.BaseHTTPResponse, path: _Path) -> SentimentError:
        try:
            code = _ErrorAnswer.model_validate_json(response.data).error_code
        except ValidationError:
            code = ""
        cls = MLFLOW_ANSWERS.get((response.status, code)) or error_of_status(response.status)
        said = f"The registry {self._shown} answers {response.status} {code}".strip()
        if cls is DeniedError:
            return DeniedError(f"{said}: {_SECRETS_TO_CHECK}.")
        if cls is NotFoundError and not code:
            return self._not_mlflow(response.status)
        return (cls or RefusedError)(f"{said} to {path}.")

    def _not_mlflow(self, status: int) -> UnreachableError:
        return UnreachableError(
            f"The registry {self._shown} answers something that is not MLflow's ({status}): "
            "check MLFLOW_TRACKING_URI."
        )
