"""Backup and restore of the local stack: its databases and its buckets."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg2 import sql

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import (
    DATA_FOLDER,
    DATABASES,
    HOST,
    client_environment,
    read_passwords,
    server_environment,
    write_store_config,
)
from sentiment_cli.stack.errors import StackError
from sentiment_cli.stack.health import check_part
from sentiment_cli.stack.postgres import connect
from sentiment_cli.stack.programs import find_postgres
from sentiment_cli.stack.record import running_record
from sentiment_cli.stack.supervisor import (
    check_ports,
    find_store,
    procfile,
    wait_for_parts,
)
from sentiment_cli.buckets import BUCKETS, init_storage
from sentiment_cli.bucket_backup import restore_buckets, save_buckets

_STATEFUL: Final = ("postgres", "s3")
_SUPERUSER: Final = "postgres"


@dataclass(frozen=True)
class BackupResult:
    """What was copied."""

    folder: str
    databases: tuple[str, ...]
    objects: int


def back_up(
    settings: StackSettings, folder: Path, on_progress: Callable[[str], None]
) -> BackupResult:
    """Copy the state of the running stack into a folder; work may go on meanwhile.

    The databases come first: whatever they name is in the buckets by then.

    Parameters
    ----------
    settings : StackSettings
        The stack.
    folder : Path
        New or empty.
    on_progress : callable
        Is told what is being copied.

    Returns
    -------
    BackupResult
        What was copied.

    Raises
    ------
    StackError
        If the folder has content, the stack does not run, or the database refuses.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StackError(f"{folder} is not empty: name a new folder.")
    for part in _STATEFUL:
        problem = check_part(settings, part)
        if problem:
            raise StackError(
                f"{part} does not answer ({problem}): start the stack first "
                "(`sentiment-cli stack up`)."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for database in DATABASES:
        on_progress(f"database {database}")
        _run_tool(
            settings, "pg_dump", "-Fc", "-f", str(folder / f"{database}.dump"), "-d", database
        )
    with _environment(client_environment(settings)):
        objects = save_buckets(BUCKETS, folder / "buckets", on_progress)
    return BackupResult(str(folder), DATABASES, objects)


def restore(
    settings: StackSettings, folder: Path, on_progress: Callable[[str], None]
) -> BackupResult:
    """Make the state of the stopped stack equal to a backup.

    Parameters
    ----------
    settings : StackSettings
        The stack; it must not run.
    folder : Path
        As written by `back_up`.
    on_progress : callable
        Is told what is being copied.

    Returns
    -------
    BackupResult
        What was copied.

    Raises
    ------
    StackError
        If the folder is no backup, the stack runs, or the database refuses.
    """
    missing = [name for name in DATABASES if not (folder / f"{name}.dump").is_file()]
    if missing or not (folder / "buckets").is_dir():
        raise StackError(
            f"{folder} is no backup of `sentiment-cli stack backup`: name the folder that it made."
        )
    if running_record(settings):
        raise StackError("The stack runs: stop it first (`sentiment-cli stack down`).")
    check_ports(settings)
    with _stateful_parts(settings, on_progress), _environment(client_environment(settings)):
        for database in DATABASES:
            on_progress(f"database {database}")
            _replace_database(settings, database)
            dump = str(folder / f"{database}.dump")
            _run_tool(settings, "pg_restore", "--exit-on-error", "-d", database, dump)
        init_storage()
        objects = restore_buckets(folder / "buckets", on_progress)
    return BackupResult(str(folder), DATABASES, objects)


@contextlib.contextmanager
def _stateful_parts(settings: StackSettings, on_progress: Callable[[str], None]) -> Iterator[None]:
    """Run the database and the store alone."""
    environment = server_environment(settings, find_store())
    write_store_config(settings)
    commands = procfile()
    with (settings.folder / "restore.log").open("wb") as log:
        processes = [
            subprocess.Popen(  # noqa: S602 - our own Procfile
                commands[part], shell=True, env=environment, stdout=log, stderr=log
            )
            for part in _STATEFUL
        ]
    try:
        wait_for_parts(
            settings,
            list(_STATEFUL),
            on_progress,
            alive=lambda: all(process.poll() is None for process in processes),
        )
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _replace_database(settings: StackSettings, name: str) -> None:
    connection = connect(settings, _SUPERUSER, _SUPERUSER)
    connection.autocommit = True
    identifier = sql.Identifier(name)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier))
    connection.close()


def _run_tool(settings: StackSettings, tool: str, *arguments: str) -> None:
    password = read_passwords(settings.folder)[_SUPERUSER]
    record = running_record(settings)
    # A dump is made by the programs of the server that runs: older ones refuse it.
    postgres = record.postgres if record else find_postgres(settings.folder / DATA_FOLDER)
    result = subprocess.run(  # noqa: S603 - a program that we found
        [Path(postgres.path) / tool, "-h", HOST, "-p", str(settings.postgres_port),
         "-U", _SUPERUSER, *arguments],
        env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise StackError(f"{tool} of {postgres} failed: {result.stderr.strip()}")


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    former = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)
