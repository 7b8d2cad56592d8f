"""Files under real processes that share a folder, and what they leave."""

import os
import subprocess
import sys
import time

import pytest

from sentiment_core.atomic_files import (
    PART_PREFIX,
    remove_abandoned_parts,
    replacing,
    write_atomically,
)

# Two containers on one volume are two processes with one id.
WRITER = """
import os, sys
from pathlib import Path
from sentiment_core.atomic_files import write_atomically

os.getpid = lambda: 1
path, letter, times = Path(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
for number in range(times):
    write_atomically(path, letter * (1 + number % 7 * 20_000))
"""


def test_writers_that_share_an_id_never_fail_and_no_reader_sees_a_part(tmp_path):
    path = tmp_path / "shared"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter, "150"])
        for letter in "abc"
    ]
    lengths, reads = {1 + factor * 20_000 for factor in range(7)}, 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(set(content)) == 1
            assert len(content) in lengths
            reads += 1
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert reads > 20
    assert [item.name for item in tmp_path.iterdir()] == ["shared"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(OSError, match="full"), replacing(path) as part:
        raise OSError(f"{part} is full")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_what_dead_writers_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    (dead := tmp_path / f"{PART_PREFIX}dead").write_bytes(b"half")
    os.utime(dead, (0, time.time() - 7200))
    (tmp_path / "other").write_bytes(b"whole")
    os.utime(tmp_path / "other", (0, 0))
    with replacing(tmp_path / "file") as part:
        part.write_bytes(b"whole")
        remove_abandoned_parts(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "other"]
    remove_abandoned_parts(tmp_path / "missing")
