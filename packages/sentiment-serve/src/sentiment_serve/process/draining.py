"""A polite end: after SIGTERM clients are sent away before any connection is closed.

A server that closes an idle connection can lose a request that is on its way to it. So for a short
while every answer says ``Connection: close`` and ``/readyz`` says no; then the ASGI server's own
shutdown runs, and finds hardly anybody left.
"""

import asyncio
import logging
import signal
import threading
from types import FrameType

logger = logging.getLogger(__name__)


class ConnectionDraining:
    """Delays the handling of SIGTERM.

    Parameters
    ----------
    seconds : float
        How long clients are sent away; 0 changes nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.active = False

    def install(self) -> None:
        """Put itself before the ASGI server's handler of SIGTERM, which has one by now."""
        served_by_main_thread = threading.current_thread() is threading.main_thread()
        handler = signal.getsignal(signal.SIGTERM) if served_by_main_thread else None
        if not callable(handler) or not self._seconds:
            return
        loop = asyncio.get_running_loop()

        def on_sigterm(number: int, frame: FrameType | None) -> None:
            if self.active:  # a second signal does not wait
                handler(number, frame)
                return
            self.active = True
            loop.call_soon_threadsafe(loop.call_later, self._seconds, handler, number, frame)

        signal.signal(signal.SIGTERM, on_sigterm)
