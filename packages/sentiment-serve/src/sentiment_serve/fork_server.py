"""What the process that workers are forked from imports; it can be told nothing else.

It has to outlive its workers, for it alone knows how they ended. So signals that everybody gets
(from a terminal, from systemd) wait there for ever; its children get their own.
"""

import os
import signal
from functools import partial
from typing import Final

import sentiment_serve.app  # noqa: F401 - for the workers

_SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)

# Blocked and not ignored: what a child gets before it can take it comes when it can.
signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
os.register_at_fork(after_in_child=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _SIGNALS))
