"""A backup and a restore are killed at random: what was there before is never less."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from sentiment_cli.backup.folder import open_backup, verify
from sentiment_cli.stack.environment import DATABASES
from tests.chaos.report import Row
from tests.support.backup import ODD_KEYS, backup_servers, load, save

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

KILLS = int(os.environ.get("BACKUP_KILLS", "20"))
KEYS = tuple(f"many/{number:03}" for number in range(60))
SEED = 13


@pytest.fixture(scope="module")
def servers():
    with backup_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def complete(servers, tmp_path_factory):
    servers.fill("first", ODD_KEYS)
    state = servers.state()
    return save(servers.servers, tmp_path_factory.mktemp("backups") / "monday"), state


def ignore(_message):
    pass


def start(servers, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "sentiment_cli", "backup", *map(str, arguments)],
        env=servers.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def duration(servers, *arguments):
    begin = time.monotonic()
    assert start(servers, *arguments).wait(300) == 0
    return time.monotonic() - begin


def kill_after(process, seconds):
    """As a power cut does, with its pg_dump or pg_restore; whether it was in time."""
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def moments(whole):
    return [random.Random(SEED + number).uniform(0.3, whole) for number in range(KILLS)]


def test_a_backup_that_is_killed(servers, complete, table, tmp_path):
    backup, _state = complete
    servers.fill("source", KEYS)
    state = servers.state()
    whole = duration(servers, "create", tmp_path / "measured")
    killed = failed = 0
    slowest = 0.0
    for number, seconds in enumerate(moments(whole)):
        path = tmp_path / str(number % 5)  # some attempts go on with what another has left
        if path.exists():
            path = tmp_path / str(number)
        killed += kill_after(start(servers, "create", path), seconds)
        verify(backup, ignore)
        if path.exists():
            verify(open_backup(path), ignore)  # killed after its end
        failed += servers.state() != state
    begin = time.monotonic()
    last = tmp_path / "4"
    if not last.exists():
        assert start(servers, "create", last).wait(300) == 0
    slowest = time.monotonic() - begin
    servers.fill("other", ["else"])
    load(servers.servers, last)
    lost = servers.state() != state
    table.rows.append(Row("backup", "killed", KILLS, failed, int(lost), slowest, 0, 0))
    assert killed > KILLS // 2
    assert (failed, lost) == (0, False)


def test_a_restore_that_is_killed(servers, complete, table):
    backup, state = complete
    servers.fill("before", KEYS)
    whole = duration(servers, "restore", backup.path, "--yes")
    killed = lost = 0
    slowest = 0.0
    for seconds in moments(whole):
        servers.fill("before", KEYS)
        before = servers.state()
        killed += kill_after(start(servers, "restore", backup.path, "--yes"), seconds)
        verify(backup, ignore)
        databases, buckets = servers.state()
        lost += databases not in (before[0], state[0])
        complete_again = set(ODD_KEYS) <= set(buckets["data"])
        lost += not (complete_again or set(KEYS) <= set(buckets["data"]))
        begin = time.monotonic()
        load(servers.servers, backup.path)
        slowest = max(slowest, time.monotonic() - begin)
        lost += servers.state() != state
        lost += not servers.database_names() >= set(DATABASES)
    table.rows.append(Row("restore", "killed", KILLS, 0, lost, slowest, 0, 0))
    assert killed > KILLS // 2
    assert lost == 0
