"""Resolves an alias in a registry without a server; runs as a process of its own.

``python -m sentiment_serve.model.mlflow_subprocess URI NAME ALIAS`` prints JSON, ``null`` if no
version has the alias.
"""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient


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
        "model_version": {
            "version": version.version,
            "run_id": version.run_id,
            "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
        },
        "artifact_uri": client.get_model_version_download_uri(name, version.version),
    }


def _has_alias(client: "MlflowClient", name: str, alias: str) -> bool:
    return alias in client.get_registered_model(name).aliases


def main() -> None:
    """Print the answer; end with one line on stderr where MLflow is not installed."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        answer = resolve(*sys.argv[1:])
    except ImportError as error:
        sys.exit(
            f"{error.name} is missing: a registry without a server needs the whole of MLflow. "
            "Install mlflow, or set MLFLOW_TRACKING_URI to a server."
        )
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
