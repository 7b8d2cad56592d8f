"""`backup`: copies of databases and buckets, of any servers."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sentiment_cli.options import DryRunOption, JsonOption, YesOption
from sentiment_cli.output import check_answerable, confirm, print_json, print_table
from sentiment_cli.progress import progress

if TYPE_CHECKING:
    from sentiment_cli.backup.folder import Backup
    from sentiment_cli.backup.servers import Servers

app = typer.Typer(no_args_is_help=True)

_DEFAULT_FOLDER: Final = Path()

NewBackup = Annotated[Path, typer.Argument(help="New folder.", metavar="FOLDER")]
ExistingBackup = Annotated[Path, typer.Argument(help="Folder of a backup.", metavar="FOLDER")]


@app.callback()
def root() -> None:
    """Back up databases and buckets of servers, and look at backups.

    The servers are those that PGHOST (with PGPORT, PGUSER and PGPASSWORD) and
    MLFLOW_S3_ENDPOINT_URL name, which is what the containers' service "backup" is given. The local
    stack has its own: `stack backup` and `stack restore`.

    A backup is complete, or it is called NAME.partial: repeat the command, and it goes on.
    Restoring first verifies all of it, and deletes last.
    """


@app.command(epilog="Example: sentiment-cli backup create backups/monday")
def create(path: NewBackup, as_json: JsonOption = False) -> None:
    """Copy the databases mlflow and prefect and all buckets; work may go on meanwhile."""
    from sentiment_cli.backup.create import create_backup
    from sentiment_cli.buckets import BUCKETS
    from sentiment_cli.stack.environment import DATABASES

    servers = _servers()
    with progress("Copying") as show_detail:
        made = create_backup(path, servers, DATABASES, BUCKETS, show_detail)
    show_made(made, as_json=as_json)


@app.command(epilog="Example: sentiment-cli backup restore backups/monday --dry-run")
def restore(
    path: ExistingBackup,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make databases and buckets equal to a backup; stop MLflow, Prefect and the worker first."""
    check_answerable(_question("the servers"), yes=yes or dry_run)
    backup = opened(path)
    restore_to(
        backup, _servers(), "the servers",
        with_databases=True, dry_run=dry_run, yes=yes, as_json=as_json,
    )  # fmt: skip


@app.command("list", epilog="Example: sentiment-cli backup list backups")
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder that holds backups.")] = _DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Show the backups in a folder, also unfinished ones; `verify` looks into the files."""
    from sentiment_cli.backup.folder import list_backups

    backups = list_backups(folder)
    if as_json:
        print_json(backups)
        return
    if not backups:
        typer.echo(f"There is no backup in {folder}.")
        return
    rows = [
        [item.name, item.state,
         *("" if value is None else str(value)
           for value in (item.made_at, item.databases, item.objects, item.size))]
        for item in backups
    ]  # fmt: skip
    columns = ["Name", "State", "Made at", "Databases", "Objects", "Bytes"]
    print_table(f"Backups in {folder}", columns, rows)
    for item in backups:
        if item.problem:
            typer.echo(item.problem, err=True)


@app.command(epilog="Example: sentiment-cli backup verify backups/monday")
def verify(path: ExistingBackup, as_json: JsonOption = False) -> None:
    """Compare every file of a backup with its manifest; exit code 1 if one is not as it was."""
    from sentiment_cli.backup.folder import verify as verify_files

    backup = opened(path)
    with progress("Verifying") as show_detail:
        verify_files(backup, show_detail)
    if as_json:
        print_json(_summary(backup))
    else:
        typer.echo(f"{_contents(backup)}: all of {path} is as it was when it was made.")


def opened(path: Path) -> "Backup":
    """Read the manifest of a backup."""
    from sentiment_cli.backup.folder import open_backup

    return open_backup(path)


def restore_to(
    backup: "Backup", servers: "Servers", place: str, *,
    with_databases: bool, dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Restore a backup, or say what that would do; asks before it takes anything away.

    `place` says in words where it is restored to.
    """
    from sentiment_cli.backup.restore import Restore

    with progress("Verifying") as show_detail:
        restoring = Restore(backup, servers, with_databases=with_databases, on_progress=show_detail)
        changes = restoring.plan(show_detail)
    for sentence in changes.sentences():
        typer.echo(sentence, err=as_json)
    if dry_run:
        if as_json:
            print_json(changes)
        else:
            typer.echo("Nothing was changed.")
        return
    if not yes and not changes.is_harmless:
        confirm(_question(place))
    with progress("Restoring") as show_detail:
        restoring.apply(changes, show_detail)
    if as_json:
        print_json(_summary(backup))
    else:
        typer.echo(f"{_contents(backup, with_databases=with_databases)} are back.")


def show_made(backup: "Backup", *, as_json: bool) -> None:
    """Print what a backup holds."""
    if as_json:
        print_json(_summary(backup))
    else:
        typer.echo(f"{_contents(backup)}: {backup.path}")


def _question(place: str) -> str:
    return f"Replace what is in {place} by the backup?"


def _summary(backup: "Backup") -> dict[str, object]:
    manifest = backup.manifest
    return {
        "folder": str(backup.path.absolute()),
        "made_at": manifest.made_at.isoformat(timespec="seconds"),
        "databases": [database.name for database in manifest.databases],
        "objects": manifest.object_count,
        "size": manifest.size,
    }


def _contents(backup: "Backup", *, with_databases: bool = True) -> str:
    objects = f"{backup.manifest.object_count} objects"
    databases = len(backup.manifest.databases)
    return f"{databases} databases and {objects}" if databases and with_databases else objects


def _servers() -> "Servers":
    from importlib.util import find_spec

    from sentiment_cli.backup.servers import Servers
    from sentiment_cli.backup.settings import DatabaseSettings
    from sentiment_cli.settings import read_settings
    from sentiment_core.errors import MissingProgramError, NotReadyError
    from sentiment_core.store_settings import StoreSettings

    if find_spec("psycopg2") is None:
        raise MissingProgramError("psycopg2 is missing: install sentiment-cli[backup].")
    settings = read_settings(DatabaseSettings)
    if settings.pghost is None:
        raise NotReadyError(
            "Set PGHOST to the address of PostgreSQL, and PGUSER and PGPASSWORD. The local stack "
            "is saved with `sentiment-cli stack backup`, buckets alone with `backup-storage`."
        )
    from sentiment_cli.backup.databases import DatabaseServer
    from sentiment_cli.stack.programs import find_client_programs

    server = DatabaseServer(
        settings.pghost, settings.pgport, settings.pguser, settings.pgpassword, Path()
    )
    return Servers(
        read_settings(StoreSettings),
        replace(server, programs=find_client_programs(server.major())),
    )
