"""Runs modules of Python as processes of their own, so that the API never carries their weight."""

import os
import subprocess
import sys
from typing import Final

from sentiment_core.errors import UnreachableError

_TIMEOUT_SECONDS: Final = 60.0


def run_module(
    module: str, *arguments: str, timeout_seconds: float = _TIMEOUT_SECONDS, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a module with this interpreter, and wait for its end.

    Parameters
    ----------
    module : str
        As after ``python -m``.
    *arguments : str
        Of the program.
    timeout_seconds : float
        After which it is killed.
    **environment : str
        Variables beside those of this process.

    Raises
    ------
    UnreachableError
        If it takes too long.
    """
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter and modules
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            check=False,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(
            f"The registry takes too long to answer: {module} was given {timeout_seconds:.0f} s."
        ) from error
