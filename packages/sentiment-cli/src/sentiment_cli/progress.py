"""Signs of life on the terminal; nothing where there is none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(message: str) -> Iterator[Callable[[str], None]]:
    """Show a moving sign and a message on stderr while work goes on.

    Parameters
    ----------
    message : str
        What is going on.

    Yields
    ------
    callable
        Takes what is being done just now, to stand behind the message.
    """
    if not sys.stderr.isatty():
        yield lambda _detail: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(message) as status:
        yield lambda detail: status.update(f"{message}: {escape(detail)}")
