"""Resolves an alias in a registry without a server; runs as a process of its own.

``python -m sentiment_serve.model.mlflow_subprocess URI NAME ALIAS`` prints JSON, ``null`` if no
version has the alias.
"""

import json
import os
import sys
from typing import Any


def resolve(uri: str, name: str, alias: str) -> dict[str, Any] | None:
    """Find a version and its files with MLflow.

    Parameters
    ----------
    uri : str
        Of the registry.
    name, alias : str
        Registered model and alias.

    Returns
    -------
    dict or None
        ``model_version`` and ``artifact_uri``, as the REST API answers them.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri, uri)
    try:
        version = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    return {
        "model_version": {
            "version": version.version,
            "run_id": version.run_id,
            "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
        },
        "artifact_uri": client.get_model_version_download_uri(name, version.version),
    }


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
