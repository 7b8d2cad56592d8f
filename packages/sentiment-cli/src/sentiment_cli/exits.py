"""How errors reach the user: one plain sentence on stderr, and an exit code."""

import os
from enum import IntEnum
from typing import Any, Final

import typer
from typer.core import TyperGroup

from sentiment_cli.interruption import interruption
from sentiment_core.errors import SentimentError, UnreachableError


class ExitCode(IntEnum):
    """Exit codes of all commands; 2 is wrong usage, 130 Ctrl-C, 143 SIGTERM."""

    OK = 0
    ERROR = 1
    UNREACHABLE = 3


_REMOTE_LIBRARIES: Final = ("boto3", "botocore", "httpx", "mlflow", "prefect", "requests",
                            "sqlalchemy", "urllib3")  # fmt: skip


_NO_ANSWER: Final = ("Connection refused", "Max retries exceeded", "timed out", "ConnectError")


class PlainErrorsGroup(TyperGroup):
    """Turns expected exceptions of any command into one sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Parameters
        ----------
        ctx : Context
            Of the command line.

        Returns
        -------
        Any
            What the command returns.

        Raises
        ------
        Exit
            With a code other than zero after an expected error.
        """
        try:
            with interruption.guard():
                return super().invoke(ctx)
        except UnreachableError as error:
            raise _fail(str(error), ExitCode.UNREACHABLE) from error
        except SentimentError as error:
            raise _fail(str(error), ExitCode.ERROR) from error
        except BrokenPipeError:
            raise  # the reader has seen enough; the runner ends the process quietly
        except Exception as error:
            if os.environ.get("SENTIMENT_DEBUG"):
                raise
            # Imported here, as the libraries that it knows are slow to import.
            from sentiment_cli.foreign_errors import describe_mistake

            if message := describe_mistake(error):
                raise _fail(message, ExitCode.ERROR) from error
            if not _is_remote(error):
                raise
            raise _fail(_describe_remote(error), ExitCode.UNREACHABLE) from error


def _is_remote(error: Exception) -> bool:
    library = type(error).__module__.partition(".")[0]
    return library in _REMOTE_LIBRARIES or isinstance(error, ConnectionError | TimeoutError)


def _describe_remote(error: Exception) -> str:
    servers = [
        f"{name}={os.environ[name]}"
        for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "MLFLOW_S3_ENDPOINT_URL")
        if os.environ.get(name)
    ]
    what = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if any(sign in what for sign in _NO_ANSWER):
        what = "A server does not answer"
    where = f" ({', '.join(servers)})" if servers else ""
    return f"{what.rstrip('.')}{where}. Run `sentiment-cli doctor` to see what is down."


def _fail(message: str, code: ExitCode) -> typer.Exit:
    typer.secho(f"Error: {message}", err=True, fg="red")
    return typer.Exit(code)
