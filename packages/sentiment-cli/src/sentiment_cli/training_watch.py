"""Follows a training in this process by its log lines: for the progress, and for Ctrl-C."""

import logging
from collections.abc import Callable
from typing import Final, Self

import typer

_LOGGERS: Final = ("sentiment_core", "sentiment_train")
_NOTHING_DONE: Final = "No version was registered, and the champion is the one it was."
_PERHAPS_DONE: Final = "See `sentiment-cli list-versions` for what was registered and promoted."
_ALL_DONE: Final = "The training had finished: see `sentiment-cli list-versions`."


class TrainingWatch(logging.Handler):
    """Shows each step of a training, prints its warnings, and knows what remains of it.

    `show_step` takes what is being done just now.
    """

    def __init__(self, show_step: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.finished = False
        self._show_step = show_step
        self._touched_the_registry = False

    def __enter__(self) -> Self:
        """Listen until the end of the block."""
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_error: object) -> None:
        """Listen no more."""
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on: a step's begin, or what happened in it."""
        from sentiment_train.running.steps import Step

        step = getattr(record, "step", None)
        if step in {Step.REGISTER, Step.PROMOTE, Step.MARK, Step.EXPORT}:
            self._touched_the_registry = True
        if record.levelno >= logging.WARNING:
            typer.secho(f"Warning: {record.getMessage()}", err=True, fg="yellow")
        else:
            self._show_step(record.getMessage())

    def remains(self) -> str:
        """Say in a sentence what an interrupted training leaves behind."""
        if self.finished:
            return _ALL_DONE
        return _PERHAPS_DONE if self._touched_the_registry else _NOTHING_DONE
