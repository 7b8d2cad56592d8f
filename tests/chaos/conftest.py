"""The stack that the chaos befalls, and the table of what it found."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.report import Table
from tests.support.stack import champion, model_name, running_stack, trained_model

__all__ = ["champion", "model_name", "trained_model"]

TABLE = pytest.StashKey[Table]()
DISK_GIGABYTES = 4


def pytest_configure(config):
    config.stash[TABLE] = Table()


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Table.folder):
            item.add_marker(pytest.mark.chaos)


def pytest_terminal_summary(terminalreporter, config):
    table = config.stash[TABLE]
    if table.rows:
        terminalreporter.section("what the chaos found")
        for line in table.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def table(pytestconfig):
    """Where each test adds its row."""
    return pytestconfig.stash[TABLE]


@contextmanager
def small_disk(folder):
    """Mount a file system in memory that a test can fill; None where that is refused."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_GIGABYTES}g,mode=755", "chaos"]
        mounted = (
            subprocess.run([*command, folder], check=False, capture_output=True).returncode == 0
        )
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="session")
def stack():
    """All parts behind proxies, their state on a disk of its own."""
    with tempfile.TemporaryDirectory(prefix="sentiment-chaos-", ignore_cleanup_errors=True) as root:
        Path(root).chmod(0o755)
        with (
            small_disk(Path(root, "stack")) as disk,
            running_stack(Path(root), proxied=True) as stack,
        ):
            stack.disk = disk
            yield stack
