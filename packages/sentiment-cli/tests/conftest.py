import json
import os

import pytest
from typer.testing import CliRunner

from sentiment_cli.app import app
from tests.support.training import empty_tracking_database, prefect_server, settings

__all__ = ["empty_tracking_database", "prefect_server", "settings"]


@pytest.fixture(autouse=True)
def own_environment():
    """Commands complete the environment of their process, which is that of all tests here."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def cli(settings, tmp_path, prefect_server, monkeypatch):
    """Runs a command in a fresh project folder; returns its result, or its JSON.

    Trainings use the server of the session: one of their own would live as long as this process.
    """
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    runner = CliRunner()

    def run(*arguments, exit_code=0, stdin=None):
        result = runner.invoke(app, [str(argument) for argument in arguments], input=stdin)
        if result.exit_code != exit_code:
            raise AssertionError(f"exit code {result.exit_code}: {result.output}") from (
                result.exception
            )
        return json.loads(result.stdout) if "--json" in arguments else result

    return run
