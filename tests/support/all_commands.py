"""Runs every command of the command line in this process, as the console script would.

Arguments that a command requires are made up: most commands fail, each in its own way.
"""

import sys
import time
import traceback
from collections.abc import Iterator

import typer

from sentiment_cli.__main__ import main
from sentiment_cli.app import app

LEFT_OUT = {("stack", "run"), ("stack", "up"), ("stack", "wait"), ("secrets", "show")}
"""What goes on until it is stopped, and the one whose purpose it is to show secrets."""

OPTIONS = {"--timeout": "1", "--folder": "a-folder"}
"""Given where they are known: for little patience, and so that nothing is written elsewhere."""


def commands(command, path=()) -> Iterator[list[str]]:
    if path in LEFT_OUT:
        return
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))
    if hasattr(command, "commands"):
        return
    arguments = [*path]
    for parameter in command.params:
        if parameter.required:
            option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            arguments += [*option, "1"]
        else:
            arguments += [
                word for option in parameter.opts if option in OPTIONS
                for word in (option, OPTIONS[option])
            ]  # fmt: skip
    yield arguments
    if any("--json" in parameter.opts for parameter in command.params):
        yield [*arguments, "--json"]


def run_all() -> None:
    for arguments in commands(typer.main.get_command(app)):
        sys.argv = ["sentiment-cli", *arguments]
        print(f">>> {' '.join(arguments)} at {time.perf_counter():.1f}", flush=True)
        try:
            main()
        except SystemExit as ended:
            print(f"<<< {ended.code}", flush=True)
        except Exception:  # noqa: BLE001 - SENTIMENT_DEBUG lets all through, for Python to print
            traceback.print_exc()


if __name__ == "__main__":
    run_all()
