"""Brings this project's own log lines to the page of the flow run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prefect.logging.handlers import APILogHandler

from sentiment_core.redaction import redact

_LOGGERS: Final = ("sentiment_core", "sentiment_train")


class _RedactedHandler(APILogHandler):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


@contextmanager
def sent_to_prefect() -> Iterator[None]:
    """Send what this project logs to Prefect, wherever the flow runs.

    PREFECT_LOGGING_EXTRA_LOGGERS would do the same, but it is read when Prefect is first imported,
    which in a worker's process is before any code of ours: each deployment would have to name it.
    """
    handler = _RedactedHandler()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
