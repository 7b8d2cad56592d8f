"""Prepares this process for MLflow and Prefect; only entry points call it.

Both libraries read the environment when they are first imported, so this module imports neither.
"""

import logging
import os
from pathlib import Path

from sentiment_core.environment import load_environment
from sentiment_core.errors import SettingsError
from sentiment_core.redaction import redact_output
from sentiment_core.store_settings import StoreSettings
from sentiment_train.settings import TrainSettings

_QUIET_AND_PRIVATE = {
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Otherwise MLflow exports the requirements of the uv project it is started in.
    "MLFLOW_UV_AUTO_DETECT": "false",
    # Prefect repeats a failed task with rising delays; MLflow's own default adds minutes to each.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Standard output is ours, above all as JSON.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def configure_runtime(env_file: Path = Path(".env"), *, needs_home: bool = True) -> TrainSettings:
    """Read the settings and set what MLflow and Prefect read from the environment.

    Variables that are already set win over `env_file`, which wins over the files that variables
    with the suffix ``_FILE`` name, and all of them over the defaults. MLflow, Prefect and boto3 see
    the same values as the settings.

    Parameters
    ----------
    env_file : Path, default ``.env``
        May be missing.
    needs_home : bool, default True
        Make the folder of the state; a diagnosis does without.

    Raises
    ------
    SettingsError
        If the file of a variable cannot be read, or if the folder of the state is needed and
        cannot be made.
    """
    redact_output()
    load_environment(TrainSettings, StoreSettings, env_file=env_file, environ=os.environ)
    # It asks for pip in the environment, which uv leaves out on purpose.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    settings = TrainSettings()
    if needs_home:
        _make_home(settings.home)
    for name, value in _QUIET_AND_PRIVATE.items():
        _set_default(name, value)
    os.environ["MLFLOW_TRACKING_URI"] = settings.tracking_uri
    if settings.prefect_api_url is None:
        _set_default("PREFECT_HOME", str(settings.prefect_folder))
    return settings


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"Cannot make the folder {home} ({error.strerror}): set SENTIMENT_HOME to one that "
            "you may write to."
        ) from error


def _set_default(name: str, value: str) -> None:
    os.environ[name] = os.environ.get(name) or value
