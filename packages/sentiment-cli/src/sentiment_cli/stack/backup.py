"""Backup and restore of the local stack: its databases and its buckets."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg2 import sql

from sentiment_cli.bucket_backup import restore_buckets, save_buckets, saved_buckets
from sentiment_cli.buckets import BUCKETS, make_buckets, open_buckets
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.database import SUPERUSER, connect, mapped_sql_errors
from sentiment_cli.stack.environment import (
    DATA_FOLDER,
    DATABASES,
    HOST,
    read_passwords,
    server_environment,
    store_settings,
    write_store_config,
)
from sentiment_cli.stack.health import check_part
from sentiment_cli.stack.programs import find_postgres
from sentiment_cli.stack.record import running_record
from sentiment_cli.stack.supervisor import (
    check_ports,
    find_store,
    procfile,
    wait_for_parts,
)
from sentiment_core.errors import ConflictError, NotFoundError, NotReadyError, RunError

_STATEFUL: Final = ("postgres", "s3")


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
    folder : Path
        New or empty.
    on_progress : callable
        Takes the name of what is being copied.

    Raises
    ------
    ConflictError
        If the folder has content.
    NotReadyError
        If the stack does not run.
    SentimentError
        If the database or the store refuses.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty: name a new folder.")
    for part in _STATEFUL:
        problem = check_part(settings, part)
        if problem:
            raise NotReadyError(
                f"{part} does not answer ({problem}): start the stack first "
                "(`sentiment-cli stack up`)."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for database in DATABASES:
        on_progress(f"database {database}")
        _run_tool(
            settings, "pg_dump", "-Fc", "-f", str(folder / f"{database}.dump"), "-d", database
        )
    buckets = open_buckets(store_settings(settings), BUCKETS)
    objects = save_buckets(buckets, folder / "buckets", on_progress)
    return BackupResult(str(folder), DATABASES, objects)


def restore(
    settings: StackSettings, folder: Path, on_progress: Callable[[str], None]
) -> BackupResult:
    """Make the state of the stopped stack equal to a backup that `back_up` wrote.

    `on_progress` takes the name of what is being copied.

    Raises
    ------
    NotFoundError
        If the folder is no backup.
    ConflictError
        If the stack runs.
    SentimentError
        If the database or the store refuses.
    """
    missing = [name for name in DATABASES if not (folder / f"{name}.dump").is_file()]
    if missing or not (folder / "buckets").is_dir():
        raise NotFoundError(
            f"{folder} is no backup of `sentiment-cli stack backup`: name the folder that it made."
        )
    if running_record(settings):
        raise ConflictError("The stack runs: stop it first (`sentiment-cli stack down`).")
    check_ports(settings)
    store = store_settings(settings)
    with stateful_parts(settings, on_progress):
        for database in DATABASES:
            on_progress(f"database {database}")
            _replace_database(settings, database)
            dump = str(folder / f"{database}.dump")
            _run_tool(settings, "pg_restore", "--exit-on-error", "-d", database, dump)
        make_buckets(store)
        saved = folder / "buckets"
        buckets = open_buckets(store, saved_buckets(saved))
        objects = restore_buckets(saved, buckets, on_progress)
    return BackupResult(str(folder), DATABASES, objects)


@contextlib.contextmanager
def stateful_parts(settings: StackSettings, on_progress: Callable[[str], None]) -> Iterator[None]:
    """Run the database and the store alone, until both answer; the stack must not run.

    `on_progress` takes a sentence on what is being waited for.
    """
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
            _STATEFUL,
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
    connection = connect(settings, SUPERUSER, SUPERUSER)
    identifier = sql.Identifier(name)
    with (
        mapped_sql_errors(settings),
        contextlib.closing(connection),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier))


def _run_tool(settings: StackSettings, tool: str, *arguments: str) -> None:
    password = read_passwords(settings.folder)[SUPERUSER]
    record = running_record(settings)
    # A dump is made by the programs of the server that runs: older ones refuse it.
    postgres = record.postgres if record else find_postgres(settings.folder / DATA_FOLDER)
    result = subprocess.run(  # noqa: S603 - a program that we found
        [Path(postgres.path) / tool, "-h", HOST, "-p", str(settings.postgres_port),
         "-U", SUPERUSER, *arguments],
        env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise RunError(f"{tool} of {postgres} failed: {result.stderr.strip()}")
