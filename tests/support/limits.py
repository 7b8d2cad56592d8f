"""Takes from this process what a busy machine may lack."""

import os
import resource
from contextlib import contextmanager


@contextmanager
def no_open_files():
    """Let every further opening of a file fail: too many are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
