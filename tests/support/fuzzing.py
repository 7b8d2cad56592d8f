"""Damaged input by seed: how it is made, and the limits that its readers keep.

A target makes inputs and reads them. `run_fuzz` feeds it and looks at the time and the memory. An
input is named by its seed and number, so that a finding can be made again.
"""

import json
import os
import resource
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from random import Random

MAX_CPU_SECONDS = 1.0
MAX_MEGABYTES = 200

TOKENS = [
    b"", b"0", b"-1", b"1e400", b"-1e999", b"NaN", b"-Infinity", b"9" * 400, b"1" + b"0" * 12,
    b"true", b"null", b'"', b'""', b"[]", b"{}", b"[" * 5000, b'{"a":' * 3000, b'"\\ud800"',
    b'"\\u0000"', b'"' + b"x" * 3000 + b'"', b"\xff\xfe", b"\x00", b"\n", b" " * 1000, b"\\", b",",
    "ü\U0001f600".encode(), b"\xed\xa0\x80", b"../..", b"2.5", b"64",
]  # fmt: skip


def mutate_bytes(content, rng):
    """Change a few places: bits, bytes, stretches and tokens that parsers stumble over."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([0, 1, 1, 2, 8, 40]))
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:end] = rng.choice(TOKENS)
            case 2:
                data[at:end] = rng.randbytes(end - at)
            case 3:
                del data[at:end]
            case 4:
                data[at:at] = data[at:end] * rng.choice([1, 2, 100])
            case 5:
                other = rng.randrange(len(data) + 1)
                data[at:end] = data[other : other + end - at]
            case _ if rng.random() < 0.2:
                del data[at:]
    return bytes(data)


ODD_VALUES = [
    None, True, False, 0, -1, 1, 2.5, 10**12, -(10**12), 10**400, 1e300, -1e300, float("nan"),
    float("inf"), 2**63, "", "x", "\ud800", "\0", "x" * 5000, "..", "a/b", [], {}, [[]], [None],
    {"a": 1}, ["x"] * 3000,
]  # fmt: skip


def mutate_value(value, rng):
    """Change a JSON value somewhere within."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        changed = dict(value)
        if rng.random() < 0.1:
            del changed[key]
        else:
            changed[key] = mutate_value(value[key], rng)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], mutate_value(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD_VALUES)


def mutate_json(content, rng):
    """Change JSON as bytes or as what it says."""
    if rng.random() < 0.5:
        return mutate_bytes(content, rng)
    return json.dumps(mutate_value(json.loads(content), rng)).encode()


@contextmanager
def folder_in_memory():
    """A folder without a disk, where there is such a thing: each write is flushed to it."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent, prefix="sentiment-fuzz-") as name:
        yield Path(name)


def run_fuzz(name, target, *, count, seed=0):
    """Feed a target of a class; returns the slowest input's CPU seconds, and all their megabytes.

    Raises
    ------
    AssertionError
        At an error that is not allowed, or an input beyond the limits.
    """
    with folder_in_memory() as folder:
        return _feed(name, target(folder), count, seed)


def _feed(name, target, count, seed):
    slowest, before = 0.0, _peak_megabytes()
    for number in range(count):
        given = target.mutate(Random(f"{name} {seed} {number}"))
        start = time.process_time()
        try:
            target.feed(given)
        except target.allowed:
            pass
        except Exception as error:
            what = f"input {number} of seed {seed}: {given!r:.1000}"
            raise AssertionError(f"{name}, {what}") from error
        slowest = max(slowest, time.process_time() - start)
        assert slowest < MAX_CPU_SECONDS, f"{name}, input {number} of seed {seed} takes {slowest} s"
    if hasattr(target, "close"):
        target.close()
    grown = _peak_megabytes() - before
    assert grown < MAX_MEGABYTES, f"{name} took {grown} MB"
    return slowest, grown


def _peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
