"""Secrets from files, as containers are given them: ``NAME_FILE`` names the file of ``NAME``."""

import os
from collections.abc import Iterable
from pathlib import Path

from sentiment_core.errors import SentimentError


class SecretFileError(SentimentError):
    """The file of a secret cannot be read."""


def read_secret_files(names: Iterable[str]) -> None:
    """Set environment variables from the files that other variables name.

    Parameters
    ----------
    names : iterable of str
        Variables; one that has a value keeps it.

    Raises
    ------
    SecretFileError
        If a file cannot be read.
    """
    for name in names:
        path = os.environ.get(f"{name}_FILE")
        if not path or os.environ.get(name):
            continue
        try:
            os.environ[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretFileError(f"Cannot read {name}_FILE={path}: {error.strerror}.") from error
