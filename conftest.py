"""Says what a plain ``pytest`` leaves out, and keeps the secrets of tests apart."""

import pytest

from sentiment_core.redaction import redact


@pytest.fixture(autouse=True)
def secrets_end_with_their_test():
    """One test's secret is an ordinary word in the next."""
    yield
    redact.forget()


def pytest_terminal_summary(terminalreporter, config):
    """Name the tests that were not asked for."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        terminalreporter.write_line(
            "Not run: tests/serving, tests/stack, tests/containers and tests/readmes, which start "
            "servers or take minutes. `./sentiment test` runs all."
        )
