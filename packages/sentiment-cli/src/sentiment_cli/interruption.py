"""Ctrl-C and SIGTERM: one plain line, and an end in time whatever the libraries are doing.

The signal becomes a KeyboardInterrupt, so that every `with` and `finally` on the way out does its
work. A thread of its own hears of the signal too (Python writes it to a pipe at once, also while
the main thread is busy outside of Python): a second signal, or the end of the time that a command
allows, ends the process there and then.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS: Final = 1.2
_CLEAR_LINE_AND_SHOW_CURSOR: Final = "\r\x1b[K\x1b[?25h"


class Interruption:
    """The end of this process by a signal; there is one, `interruption`."""

    def __init__(self) -> None:
        self._caught = 0
        self._raised = False
        self._done = False
        self._grace: float | None = None
        self._remains: Callable[[], str] = lambda: ""
        self._ending = threading.RLock()
        self._said = False

    def end_soon(self, remains: Callable[[], str]) -> None:
        """From now on, end within two seconds of a signal, even amid unfinished cleaning up.

        `remains` says in a sentence what the interrupted work leaves behind.
        """
        self._grace = _GRACE_SECONDS
        self._remains = remains

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take over the signals, for the rest of the process."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        threading.Thread(
            target=self._watch, args=(reader,), name="interruption", daemon=True
        ).start()
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._raise)
        try:
            with self.guard():
                yield
        finally:
            self._done = True

    @contextmanager
    def guard(self) -> Iterator[None]:
        """End the process after the block if a signal came, whatever was made of it inside."""
        try:
            yield
        finally:
            if self._caught:
                self._exit()

    def _raise(self, number: int, _frame: FrameType | None) -> None:
        self._caught = self._caught or number
        if self._raised or self._done:
            self._exit()
        self._raised = True
        raise KeyboardInterrupt

    def _watch(self, reader: int) -> None:
        while (number := os.read(reader, 1)[0]) not in _SIGNALS:
            pass
        self._caught = self._caught or number
        # What the interrupted libraries say about it in their callbacks is of no use to anybody.
        sys.unraisablehook = _say_nothing
        threading.excepthook = _say_nothing
        while not self._done:
            again, _, _ = select.select([reader], [], [], self._grace)
            if not again or os.read(reader, 1)[0] in _SIGNALS:
                break
        self._exit()

    def _exit(self) -> NoReturn:
        with self._ending:
            if not self._said:
                self._said = True
                prefix = _CLEAR_LINE_AND_SHOW_CURSOR if os.isatty(2) else ""
                with suppress(Exception):
                    line = f"Interrupted. {self._remains()}".rstrip()
                    os.write(2, f"{prefix}{line}\n".encode())
            if threading.current_thread() is threading.main_thread():
                with suppress(Exception):
                    sys.stdout.flush()
            # Not sys.exit: exit handlers of the libraries wait for servers and report themselves.
            os._exit(128 + self._caught)


def _say_nothing(_problem: object) -> None:
    pass


interruption: Final = Interruption()
