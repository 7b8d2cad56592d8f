"""Types commands into a shell, as somebody does who reads them, and starts the API beside."""

import os
import subprocess
from contextlib import contextmanager

import httpx

from tests.support import BIN, eventually, free_port, running


def run(line, folder, **environment):
    """Run one command as a shell does, with the tools of this environment."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    variables = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "SENTIMENT_HOME", "PREFECT_HOME")
    empty = dict.fromkeys(variables, "")
    result = subprocess.run(
        line, shell=True, cwd=folder, env=os.environ | empty | {"PATH": path} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout


@contextmanager
def serving(folder, log):
    """The API of a project's folder, with its champion, on a port of its own."""
    port = free_port()
    with running(
        [BIN / "sentiment-serve"], f"http://127.0.0.1:{port}", log,
        ready="/livez", PORT=str(port), SENTIMENT_HOME=str(folder / ".sentiment"),
        MLFLOW_TRACKING_URI=f"sqlite:///{folder}/.sentiment/mlflow.db",
    ) as process:  # fmt: skip
        eventually(lambda: httpx.get(f"{process.url}/readyz").status_code == 200)
        yield process
