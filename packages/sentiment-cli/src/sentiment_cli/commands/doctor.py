"""`doctor`: checks every part and says what to do."""

import typer

from sentiment_cli.exits import ExitCode
from sentiment_cli.options import DEFAULT_PARAMS, JsonOption, ParamsOption
from sentiment_cli.output import print_json

_SIGNS = {"ok": ("✓", "green"), "note": ("-", "yellow"), "failed": ("✗", "red")}


def doctor(
    params_path: ParamsOption = DEFAULT_PARAMS,
    as_json: JsonOption = False,
) -> None:
    """Check configuration, data, tracking server, store, Prefect and the champion."""
    from sentiment_cli.checks import run_checks
    from sentiment_cli.settings import configure, read_settings
    from sentiment_core.store_settings import StoreSettings

    settings = configure(needs_home=False)
    results = run_checks(settings, read_settings(StoreSettings), params_path)
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
