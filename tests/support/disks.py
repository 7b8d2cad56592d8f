"""Small disks of one test, which are real: they fill up, and they can be read-only."""

import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(folder, *, megabytes):
    """Mount an empty disk on a new folder; skips the test where that is not allowed."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=0777"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Whoever is still at it does not keep the next test from its own.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk):
    """Fill a disk to the last byte."""
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def make_read_only(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
