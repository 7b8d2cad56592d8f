"""Says what a plain ``pytest`` leaves out."""

import pytest


def pytest_terminal_summary(terminalreporter, config):
    """Name the tests that were not asked for."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        terminalreporter.write_line(
            "Not run: tests/serving, tests/stack, tests/containers and tests/readmes, which start "
            "servers or take minutes. `./sentiment test` runs all."
        )
