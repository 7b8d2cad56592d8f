"""Signs of life on standard error while work goes on, on a terminal and elsewhere.

It imports nothing heavy, so that a command line may import it at its start.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

LINE_SECONDS: Final = 15.0
"""Time between two lines where there is no terminal; shorter work prints none."""

ShowDetail = Callable[[str], None]

_outer: ContextVar[ShowDetail | None] = ContextVar("_outer", default=None)


@contextmanager
def progress(message: str, *, line_seconds: float = LINE_SECONDS) -> Iterator[ShowDetail]:
    """Show a moving sign and a message; where there is no terminal, print a line now and then.

    Work inside of other work becomes a detail of its message: there is one sign at a time. What it
    yields takes what is being done just now, to stand behind the message.
    """
    outer = _outer.get()
    if outer:
        outer(message)
        yield lambda detail: outer(f"{message}: {detail}")
        return
    show = _on_terminal(message) if sys.stderr.isatty() else _as_lines(message, line_seconds)
    with show as show_detail:
        token = _outer.set(show_detail)
        try:
            yield show_detail
        finally:
            _outer.reset(token)


@contextmanager
def _on_terminal(message: str) -> Iterator[ShowDetail]:
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(message)) as status:
        yield lambda detail: status.update(escape(f"{message}: {detail}"))


@contextmanager
def _as_lines(message: str, line_seconds: float) -> Iterator[ShowDetail]:
    latest = [message]
    done = threading.Event()
    begin = time.monotonic()

    def speak() -> None:
        while not done.wait(line_seconds):
            with suppress(OSError, ValueError):  # nobody reads it any more
                seconds = time.monotonic() - begin
                # Unbuffered: what cannot be written is not tried again at the end.
                os.write(sys.stderr.fileno(), f"{latest[0]} ({seconds:.0f} s)\n".encode())

    speaker = threading.Thread(target=speak, name="progress", daemon=True)
    speaker.start()
    try:
        yield lambda detail: latest.__setitem__(0, f"{message}: {detail}")
    finally:
        done.set()
        speaker.join()
