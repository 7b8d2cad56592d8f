"""Asks the MLflow registry which version an alias names, and where its files are.

A registry server is asked over its REST API. An SQLite registry needs MLflow itself, which runs in
a process of its own, so that the API never carries its weight.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import urllib3
from urllib3.util import parse_url

from sentiment_core.registry_names import CHAMPION, PACKAGE_ARTIFACT, SCORER_DIGEST_TAG
from sentiment_serve.model.errors import AliasNotSetError, SourceUnreachableError
from sentiment_serve.settings import ServeSettings

_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=10.0)
_NOT_FOUND: Final = 404
_EMBEDDED_TIMEOUT_SECONDS: Final = 60.0
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


class RegistryClient(Protocol):
    """A place that resolves aliases."""

    def resolve(self, alias: str) -> VersionRef:
        """Find the version that an alias names.

        Parameters
        ----------
        alias : str
            For example ``champion``.

        Returns
        -------
        VersionRef
            The version.

        Raises
        ------
        AliasNotSetError
            If no version has the alias.
        SourceUnreachableError
            If the registry does not answer.
        """
        ...


def http_headers(settings: ServeSettings) -> dict[str, str]:
    """Build the headers that authenticate with the registry server.

    Parameters
    ----------
    settings : ServeSettings
        Holds the user and password, or the token.

    Returns
    -------
    dict of str to str
        Empty if the server needs none.
    """
    if settings.mlflow_tracking_token:
        token = settings.mlflow_tracking_token.get_secret_value()
        return {"Authorization": f"Bearer {token}"}
    if settings.mlflow_tracking_username:
        password = settings.mlflow_tracking_password
        secret = password.get_secret_value() if password else ""
        return urllib3.make_headers(basic_auth=f"{settings.mlflow_tracking_username}:{secret}")
    return {}


def alias_not_set(name: str, alias: str, registry: str) -> AliasNotSetError:
    """Say that no version has an alias, and for the champion how to make one.

    Parameters
    ----------
    name, alias : str
        Registered model and alias.
    registry : str
        Its address.

    Returns
    -------
    AliasNotSetError
        To be raised.
    """
    message = f"No {alias} exists: no version of {name} has @{alias} in the registry {registry}."
    return AliasNotSetError(f"{message} {_MAKE_A_CHAMPION}" if alias == CHAMPION else message)


class ServerRegistry:
    """A registry server, over MLflow's REST API.

    Parameters
    ----------
    settings : ServeSettings
        Names the server and the model.
    pool : PoolManager
        Connections.
    """

    def __init__(self, settings: ServeSettings, pool: urllib3.PoolManager) -> None:
        self._base = settings.tracking_uri.rstrip("/")
        # Anybody may read the messages.
        self._shown = parse_url(self._base)._replace(auth=None).url
        self._name = settings.registered_model
        self._headers = http_headers(settings)
        self._pool = pool

    def resolve(self, alias: str) -> VersionRef:  # noqa: D102 - as in the protocol
        answer = self._get("registered-models/alias", name=self._name, alias=alias)
        version = answer["model_version"]
        location = self._get(
            "model-versions/get-download-uri", name=self._name, version=version["version"]
        )
        return _version_ref(self._name, alias, version, location["artifact_uri"])

    def _get(self, path: str, **query: str) -> Any:
        url = f"{self._base}/api/2.0/mlflow/{path}?{urlencode(query, quote_via=quote)}"
        try:
            response = self._pool.request("GET", url, headers=self._headers, timeout=_TIMEOUT)
        except urllib3.exceptions.HTTPError as error:
            raise SourceUnreachableError(
                f"The registry {self._shown} does not answer ({type(error).__name__})."
            ) from error
        try:
            body = json.loads(response.data)
        except ValueError:
            body = {}
        code = body.get("error_code")
        # MLflow answers 400 INVALID_PARAMETER_VALUE for an alias that a known model lacks.
        if code == "RESOURCE_DOES_NOT_EXIST" or "alias" in str(body.get("message", "")).lower():
            raise alias_not_set(self._name, query.get("alias", CHAMPION), self._shown)
        if response.status >= 400 or not body:
            raise SourceUnreachableError(
                f"The registry {self._shown} answers {response.status} {code or ''}".strip() + "."
            )
        return body


class EmbeddedRegistry:
    """An SQLite registry, read by MLflow in a process of its own.

    Parameters
    ----------
    settings : ServeSettings
        Names the database and the model.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._uri = settings.tracking_uri
        self._name = settings.registered_model

    def resolve(self, alias: str) -> VersionRef:  # noqa: D102 - as in the protocol
        command = [sys.executable, "-m", "sentiment_serve.model.mlflow_subprocess"]
        try:
            result = subprocess.run(  # noqa: S603 - our own interpreter and module
                [*command, self._uri, self._name, alias],
                capture_output=True,
                check=False,
                text=True,
                timeout=_EMBEDDED_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceUnreachableError(f"Reading {self._uri} takes too long.") from error
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise SourceUnreachableError(f"Cannot read the registry {self._uri}: {lines[-1]}")
        answer = json.loads(result.stdout)
        if answer is None:
            raise alias_not_set(self._name, alias, self._uri)
        return _version_ref(self._name, alias, answer["model_version"], answer["artifact_uri"])


def _version_ref(name: str, alias: str, version: dict[str, Any], artifact_uri: str) -> VersionRef:
    tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
    return VersionRef(
        name=name,
        alias=alias,
        version=str(version["version"]),
        run_id=str(version.get("run_id", "")),
        package_uri=f"{artifact_uri.rstrip('/')}/{PACKAGE_ARTIFACT}",
        digest=tags.get(SCORER_DIGEST_TAG),
    )
