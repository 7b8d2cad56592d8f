"""Reads a registry without a server; runs as a process of its own.

``python -m sentiment_serve.model.mlflow_subprocess URI NAME [ALIAS]`` prints JSON: the version that
has the alias, ``null`` if none has; without an alias, all versions.
"""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def resolve(uri: str, name: str, alias: str) -> dict[str, Any] | None:
    """Find a version and its files with MLflow, as the REST API answers them; None if not set."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri, uri)
    try:
        version = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        # MLflow says so where the model lacks the alias, and for other reasons.
        if error.error_code != "INVALID_PARAMETER_VALUE" or _has_alias(client, name, alias):
            raise
        return None
    return {
        "model_version": _as_answered(version),
        "artifact_uri": client.get_model_version_download_uri(name, version.version),
    }


def list_versions(uri: str, name: str) -> dict[str, Any]:
    """List versions and aliases with MLflow, as the REST API answers them."""
    from mlflow import MlflowClient

    from sentiment_serve.model.mlflow_server import MOST_VERSIONS

    client = MlflowClient(uri, uri)
    found = client.search_model_versions(
        f"name='{name}'", max_results=MOST_VERSIONS, order_by=["creation_timestamp DESC"]
    )
    # A model that has no version may not be there at all.
    aliases = client.get_registered_model(name).aliases if found else {}
    return {
        "model_versions": [_as_answered(version) for version in found],
        "aliases": [{"alias": alias, "version": version} for alias, version in aliases.items()],
    }


def _as_answered(version: "ModelVersion") -> dict[str, Any]:
    return {
        "version": version.version,
        "run_id": version.run_id,
        "creation_timestamp": version.creation_timestamp,
        "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
    }


def _has_alias(client: "MlflowClient", name: str, alias: str) -> bool:
    return alias in client.get_registered_model(name).aliases


def main() -> None:
    """Print the answer; end with one line on stderr where MLflow is not installed."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        uri, name, *alias = sys.argv[1:]
        answer = resolve(uri, name, *alias) if alias else list_versions(uri, name)
    except ImportError as error:
        sys.exit(
            f"{error.name} is missing: a registry without a server needs the whole of MLflow. "
            "Install mlflow, or set MLFLOW_TRACKING_URI to a server."
        )
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
