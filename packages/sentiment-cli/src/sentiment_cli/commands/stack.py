"""`stack`: the full stack on this machine, as ordinary processes."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.commands.backup import (
    ExistingBackup,
    NewBackup,
    opened,
    restore_to,
    show_made,
)
from sentiment_cli.exits import ExitCode
from sentiment_cli.options import DryRunOption, JsonOption, YesOption
from sentiment_cli.output import check_answerable, print_json, print_table
from sentiment_cli.progress import progress

if TYPE_CHECKING:
    from sentiment_cli.settings import StackSettings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def root() -> None:
    """Run PostgreSQL, an S3 store, MLflow, Prefect with a worker, and the API on this machine.

    All state is in .sentiment/stack, also the ports: other shells need not be told again.
    STACK_API_PORT, STACK_HOME and so on change ports and folder.

    Outside of the project's own environment it needs the extra "stack" of sentiment-cli.
    """


@app.command(epilog="Example: STACK_MLFLOW_PORT=5011 sentiment-cli stack up")
def up(as_json: JsonOption = False) -> None:
    """Start everything in the background and wait until it answers."""
    from sentiment_cli.settings import read_settings
    from sentiment_cli.stack.champion import find_champion
    from sentiment_cli.stack.health import CHECKS
    from sentiment_cli.stack.supervisor import start
    from sentiment_train.settings import TrainSettings

    settings = _settings(strict=True)
    _check_installed()
    _check_project()
    latest = ""

    def print_news(message: str) -> None:
        nonlocal latest
        if message != latest:
            latest = message
            typer.echo(message, err=True)

    started = start(settings, print_news)
    model_name = read_settings(TrainSettings).model_name
    champion = find_champion(settings, model_name)
    if as_json:
        print_json(
            {"started": started, "parts": list(CHECKS), "ports": settings.ports,
             "champion": champion}
        )  # fmt: skip
        return
    typer.echo("The stack runs:" if started else "The stack runs already:")
    for part, port in settings.ports.items():
        scheme = "postgresql" if part == "postgres" else "http"
        typer.echo(f"  {part:10}{scheme}://localhost:{port}")
    typer.echo("Use it from here with: sentiment-cli stack env --write")
    if champion is None:
        typer.echo(
            f"There is no {model_name}@champion yet, so the API has nothing to predict with. After "
            "that, make one with: sentiment-cli train --champion"
        )


@app.command(epilog="Example: sentiment-cli stack down")
def down(as_json: JsonOption = False) -> None:
    """Stop everything; the state stays."""
    from sentiment_cli.stack.supervisor import stop

    with progress("Stopping"):
        stopped = stop(_settings())
    if as_json:
        print_json({"stopped": stopped})
    else:
        typer.echo("The stack is stopped." if stopped else "The stack does not run.")


@app.command(epilog="Example: sentiment-cli stack status --json")
def status(as_json: JsonOption = False) -> None:
    """Show which parts answer; exit code 1 if one does not."""
    _check_installed()
    from sentiment_cli.stack.health import CHECKS, check_part
    from sentiment_cli.stack.record import running_record

    settings = _settings()
    problems = {part: check_part(settings, part) for part in CHECKS}
    if as_json:
        print_json(problems)
    else:
        rows = [
            [part, str(settings.ports.get(part, "")), problem or "ok"]
            for part, problem in problems.items()
        ]
        print_table("Local stack", ["Part", "Port", "State"], rows)
    if running_record(settings) is None:
        typer.echo("The stack does not run: start it with `sentiment-cli stack up`.", err=True)
    if any(problems.values()):
        raise typer.Exit(ExitCode.ERROR)


@app.command(epilog="Example: sentiment-cli stack env --write")
def env(
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Put them into --file instead, each once, and point DVC's remote to the store.",
        ),
    ] = False,
    file: Annotated[Path, typer.Option(help="What --write changes.")] = Path(".env"),
    as_json: JsonOption = False,
) -> None:
    """Print the environment variables that make every command use the running stack.

    DVC does not read .env. In a project with .dvc, --write also sets address and keys of its
    default remote in .dvc/config.local, which git ignores, so that `dvc push` and `dvc pull` work.
    """
    from sentiment_cli.dvc_remote import default_remote, point_default_remote
    from sentiment_cli.env_file import update_env_file
    from sentiment_cli.stack.environment import client_environment
    from sentiment_cli.stack.record import running_record
    from sentiment_core.errors import NotReadyError

    settings = _settings()
    if running_record(settings) is None:
        raise NotReadyError("The stack does not run: start it with `sentiment-cli stack up`.")
    variables = client_environment(settings)
    remote = None
    if write:
        update_env_file(file, variables)
        remote = point_default_remote(Path.cwd(), variables)
    if as_json:
        print_json(variables)
    elif write:
        typer.echo(f"Every command here uses the stack now: {len(variables)} variables in {file}.")
        if remote:
            typer.echo(f"So does DVC: its remote {remote.name}, in .dvc/config.local.")
    else:
        for name, value in variables.items():
            typer.echo(f"{name}={value}")
        if default_remote(Path.cwd()):
            typer.echo(
                "DVC does not read .env: `sentiment-cli stack env --write` sets its remote too.",
                err=True,
            )


@app.command(epilog="Example: sentiment-cli stack backup backups/monday")
def backup(path: NewBackup, as_json: JsonOption = False) -> None:
    """Copy the databases and the buckets of the running stack into a new folder."""
    _check_installed()
    from sentiment_cli.stack.backup import back_up

    with progress("Copying") as show_detail:
        made = back_up(_settings(), path, show_detail)
    show_made(made, as_json=as_json)


@app.command(epilog="Example: sentiment-cli stack restore backups/monday --yes")
def restore(
    path: ExistingBackup,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the state of the stopped stack equal to a backup, as a whole.

    If it is interrupted, repeat it.
    """
    _check_installed()
    from sentiment_cli.stack.backup import stopped_stack

    settings = _settings()
    backup = opened(path)
    place = str(settings.folder)
    check_answerable(f"Replace all state in {place} by the backup?", yes=yes or dry_run)
    with ExitStack() as parts:
        with progress("Starting") as show_detail:
            servers = parts.enter_context(stopped_stack(settings, show_detail))
        restore_to(
            backup, servers, place,
            with_databases=True, dry_run=dry_run, yes=yes, as_json=as_json,
        )  # fmt: skip


@app.command(hidden=True, epilog="Example: sentiment-cli stack run")
def run(
    to_log: Annotated[
        bool, typer.Option("--to-log", help="Print into the stack's log instead.")
    ] = False,
) -> None:
    """Run everything in the foreground."""
    from sentiment_cli.stack.record import running_record
    from sentiment_cli.stack.supervisor import run
    from sentiment_core.errors import ConflictError

    settings = _settings()
    _check_installed()
    _check_project()
    if running_record(settings):
        raise ConflictError("The stack runs already: stop it first (`sentiment-cli stack down`).")
    raise typer.Exit(run(settings, to_log=to_log))


@app.command(hidden=True, epilog="Example: sentiment-cli stack wait postgres s3")
def wait(
    part_names: Annotated[list[str], typer.Argument(help="Parts to wait for.", metavar="PARTS...")],
) -> None:
    """Wait until some parts answer."""
    from sentiment_cli.settings import StackSettings, read_settings
    from sentiment_cli.stack.supervisor import wait_for_parts

    wait_for_parts(read_settings(StackSettings), part_names, lambda _message: None)


def _settings(*, strict: bool = False) -> "StackSettings":
    """Read what the stack was started with; say where this shell asks for something else."""
    from sentiment_cli.settings import StackSettings, read_settings
    from sentiment_cli.stack.record import remembered_settings
    from sentiment_core.errors import ConflictError

    settings, contradictions = remembered_settings(read_settings(StackSettings))
    if contradictions and strict:
        raise ConflictError(
            f"{'; '.join(contradictions)}. Stop it first (`sentiment-cli stack down`) to start it "
            "otherwise, or unset what you set."
        )
    for contradiction in contradictions:
        typer.echo(f"Note: {contradiction}.", err=True)
    return settings


def _check_installed() -> None:
    from importlib.util import find_spec

    from sentiment_core.errors import MissingProgramError

    missing = [name for name in ("honcho", "psycopg2") if find_spec(name) is None]
    if missing:
        raise MissingProgramError(
            "The local stack is not installed: install sentiment-cli[stack], or run "
            "`./sentiment stack up` in the project's folder."
        )


def _check_project() -> None:
    from sentiment_core.errors import NotReadyError

    if not Path("prefect.yaml").exists():
        raise NotReadyError("Run this in the project's folder, where prefect.yaml is.")
