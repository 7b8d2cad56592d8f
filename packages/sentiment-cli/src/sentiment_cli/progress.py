"""Signs of life on the terminal; nothing where there is none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spinner(message: str) -> Iterator[None]:
    """Show a moving sign and a message on stderr while work goes on.

    Parameters
    ----------
    message : str
        What is going on.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield
