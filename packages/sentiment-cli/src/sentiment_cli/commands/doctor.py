"""`doctor`: checks every part and says what to do."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.exits import ExitCode
from sentiment_cli.output import JsonOption, print_json

_SIGNS = {"ok": ("✓", "green"), "note": ("-", "yellow"), "failed": ("✗", "red")}


def doctor(
    params_path: Annotated[Path, typer.Option("--params", help="Parameter file.")] = Path(
        "params.yaml"
    ),
    as_json: JsonOption = False,
) -> None:
    """Check configuration, data, tracking server, store, Prefect and the champion."""
    from sentiment_cli.checks import run_checks
    from sentiment_train.running.environment import configure_runtime

    results = run_checks(configure_runtime(needs_home=False), params_path)
    if as_json:
        print_json(results)
    else:
        for result in results:
            sign, colour = _SIGNS[result.status]
            typer.echo(f"{typer.style(sign, fg=colour)} {result.name}: {result.detail}")
            if result.advice:
                typer.echo(f"    {result.advice}")
    if any(result.status == "failed" for result in results):
        raise typer.Exit(ExitCode.ERROR)
