"""How errors reach the user: one plain sentence on stderr, and an exit code."""

import errno
import os
import signal
from enum import IntEnum
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup

from sentiment_cli.interruption import interruption
from sentiment_core.errors import SentimentError, UnreachableError


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":
        """Make a code that knows what it means."""
        code = int.__new__(cls, value)
        code._value_, code.meaning = value, meaning
        return code

    OK = 0, "done"
    ERROR = 1, "an error that you can mend"
    USAGE = 2, "wrong usage: an option or argument that is not known or not allowed"
    UNREACHABLE = 3, "a server does not answer: a later try may succeed"
    INTERRUPTED = 128 + signal.SIGINT, "Ctrl-C"
    TERMINATED = 128 + signal.SIGTERM, "SIGTERM"


EXIT_CODES: Final[dict[str, ExitCode]] = {
    SentimentError.code: ExitCode.ERROR,
    UnreachableError.code: ExitCode.UNREACHABLE,
}
"""By the code of an error; one that is not listed ends as the class that it derives from."""

_USAGE_ERROR: Final = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""Typer's own, which it shows itself; it publishes no name for the class."""


class PlainErrorsGroup(TyperGroup):
    """Ends a command that failed with one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; after an error, raise Exit with a code other than zero."""
        try:
            with interruption.guard():
                return super().invoke(ctx)
        except SentimentError as error:
            raise _fail(str(error), exit_code(type(error))) from error
        except (typer.Exit, typer.Abort, _USAGE_ERROR):
            raise
        except BrokenPipeError:
            raise  # the reader has seen enough; the runner ends the process quietly
        except Exception as error:
            if os.environ.get("SENTIMENT_DEBUG"):
                raise
            raise _fail(_describe_foreign(error), ExitCode.ERROR) from error


def exit_code(error: type[SentimentError]) -> ExitCode:
    """Look up in `EXIT_CODES` how a command ends after an error."""
    codes = (cls.code for cls in error.__mro__ if issubclass(cls, SentimentError))
    return next(EXIT_CODES[code] for code in codes if code in EXIT_CODES)


def _describe_foreign(error: Exception) -> str:
    """Say what an error of a library means: a file of the user's, or else a fault of ours."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        remedy = (
            " State, downloads and models are kept in SENTIMENT_HOME: set it to a folder that you "
            "may write to."
        )
        return f"{error.filename}: {error.strerror}.{remedy if _is_forbidden(error) else ''}"
    what = next(iter(str(error).strip().splitlines()), "")
    return (
        f"{': '.join(filter(None, [type(error).__name__, what.rstrip('.')]))}. This is a fault of "
        "the program: set SENTIMENT_DEBUG=1 and repeat the command to see where."
    )


def _is_forbidden(error: OSError) -> bool:
    return error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}


def _fail(message: str, code: ExitCode) -> typer.Exit:
    typer.secho(f"Error: {message}", err=True, fg="red")
    return typer.Exit(code)
