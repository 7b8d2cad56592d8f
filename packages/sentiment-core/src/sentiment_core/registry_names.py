"""The names that training writes to the model registry and serving reads from it."""

from pathlib import Path
from typing import Final

from sentiment_core.errors import SettingsError

_NOT_IN_ADDRESSES: Final = frozenset("?%")

DEFAULT_HOME: Final = Path(".sentiment")
"""Folder of all state where no server is configured."""

DEFAULT_MODEL_NAME: Final = "sentiment-classifier"

CHAMPION: Final = "champion"
"""Alias of the version that serves."""
CHALLENGER: Final = "challenger"
"""Alias of the newest candidate."""
PREVIOUS: Final = "previous"
"""Alias of the champion before this one, which `rollback` goes back to."""

PACKAGE_DIRECTORY: Final = "package"
PACKAGE_ARTIFACT: Final = f"data/{PACKAGE_DIRECTORY}"
"""Where a registered version keeps its model package (see `sentiment_core.model_package`)."""

SCORER_DIGEST_TAG: Final = "scorer.sha256"
"""Tag of a registered version: SHA-256 of its scorer."""

_OLDER_VERDICTS: Final = {"superseded": "not-promoted", "kept": "not-promoted"}
"""Up to version 0.1.0: one that was promoted at the same time was better, or the champion was."""

DECISION_PREFIX: Final = "promotion."
"""How the tags of a version begin that say what was decided, and why."""


def embedded_tracking_uri(home: Path) -> str:
    """Name the MLflow database that is used where no tracking server is configured.

    Parameters
    ----------
    home : Path
        Absolute path of SENTIMENT_HOME.

    Returns
    -------
    str
        URI of an SQLite file.

    Raises
    ------
    SettingsError
        If MLflow would read the address of that file as one of another file.
    """
    if wrong := _NOT_IN_ADDRESSES.intersection(str(home)):
        raise SettingsError(
            f"SENTIMENT_HOME={home} has {' and '.join(sorted(wrong))} in its name, which the "
            "address of MLflow's database cannot hold: choose another folder, or set "
            "MLFLOW_TRACKING_URI."
        )
    return f"sqlite:///{home / 'mlflow.db'}"


def verdict_of(tag: str) -> str:
    """Read the verdict of a decision as it stands on a version, whichever release wrote it."""
    return _OLDER_VERDICTS.get(tag, tag)
