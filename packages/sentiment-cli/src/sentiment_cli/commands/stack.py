"""`stack`: the full stack on this machine, as ordinary processes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.output import JsonOption, print_json, print_table
from sentiment_cli.progress import progress

if TYPE_CHECKING:
    from sentiment_cli.settings import StackSettings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def root() -> None:
    """Run PostgreSQL, an S3 store, MLflow, Prefect with a worker, and the API on this machine.

    All state is in .sentiment/stack. STACK_API_PORT, STACK_HOME and so on change ports and folder.

    Outside of the project's own environment it needs the extra "stack" of sentiment-cli.
    """


@app.command()
def up(as_json: JsonOption = False) -> None:
    """Start everything in the background and wait until it answers."""
    from sentiment_cli.stack.health import CHECKS
    from sentiment_cli.stack.supervisor import start

    settings = _settings()
    _check_installed()
    told: list[str] = []

    def tell(message: str) -> None:
        if message not in told[-1:]:
            told.append(message)
            typer.echo(message, err=True)

    started = start(settings, tell)
    if as_json:
        print_json({"started": started, "parts": list(CHECKS), "ports": settings.ports})
        return
    typer.echo("The stack runs:" if started else "The stack runs already:")
    for name, port in settings.ports.items():
        scheme = "postgresql" if name == "postgres" else "http"
        typer.echo(f"  {name:10}{scheme}://localhost:{port}")
    typer.echo("Use it from here with: sentiment-cli stack env >> .env")


@app.command()
def down(as_json: JsonOption = False) -> None:
    """Stop everything; the state stays."""
    from sentiment_cli.progress import progress
    from sentiment_cli.stack.supervisor import stop

    with progress("Stopping"):
        stopped = stop(_settings())
    if as_json:
        print_json({"stopped": stopped})
    else:
        typer.echo("The stack is stopped." if stopped else "The stack does not run.")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show which parts answer; exit code 1 if one does not."""
    from sentiment_cli.stack.health import CHECKS, check_part

    settings = _settings()
    problems = {part: check_part(settings, part) for part in CHECKS}
    if as_json:
        print_json(problems)
    else:
        rows = [[part, problem or "ok"] for part, problem in problems.items()]
        print_table("Local stack", ["Part", "State"], rows)
    if any(problems.values()):
        raise typer.Exit(1)


@app.command()
def env(as_json: JsonOption = False) -> None:
    """Print the environment variables that make every command use the stack."""
    from sentiment_cli.stack.environment import client_environment

    variables = client_environment(_settings())
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"{name}={value}")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="New folder.")], as_json: JsonOption = False
) -> None:
    """Copy the databases and the buckets of the running stack into a folder."""
    from sentiment_cli.stack.backup import back_up

    with progress("Copying") as tell:
        result = back_up(_settings(), folder, tell)
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{len(result.databases)} databases and {result.objects} objects: {folder}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Replace the state of the stopped stack by a backup."""
    from sentiment_cli.stack.backup import restore

    settings = _settings()
    if not yes:
        typer.confirm(f"Replace all state in {settings.folder}?", abort=True, err=True)
    with progress("Restoring") as tell:
        result = restore(settings, folder, tell)
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{len(result.databases)} databases and {result.objects} objects are back.")


@app.command(hidden=True)
def run() -> None:
    """Run everything in the foreground."""
    from sentiment_cli.stack.supervisor import run

    _check_installed()
    raise typer.Exit(run(_settings()))


@app.command(hidden=True)
def wait(
    parts: Annotated[list[str], typer.Argument(help="Parts to wait for.")],
) -> None:
    """Wait until some parts answer."""
    from sentiment_cli.stack.supervisor import wait_for_parts

    wait_for_parts(_settings(), parts, lambda _message: None)


def _settings() -> "StackSettings":
    from sentiment_cli.settings import StackSettings

    return StackSettings()


def _check_installed() -> None:
    from importlib.util import find_spec

    from sentiment_core.errors import SentimentError

    missing = [name for name in ("honcho", "psycopg2") if find_spec(name) is None]
    if missing:
        raise SentimentError(
            "The local stack is not installed: install sentiment-cli[stack], or run "
            "`./sentiment stack up` in the project's folder."
        )
    if not Path("prefect.yaml").exists():
        raise SentimentError("Run this in the project's folder, where prefect.yaml is.")
