"""What a backup of the local stack is of, and where it is restored to."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from sentiment_cli.backup.create import create_backup
from sentiment_cli.backup.databases import DatabaseServer
from sentiment_cli.backup.folder import Backup
from sentiment_cli.backup.servers import Servers
from sentiment_cli.buckets import BUCKETS
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.database import SUPERUSER
from sentiment_cli.stack.environment import (
    DATA_FOLDER,
    DATABASES,
    HOST,
    read_passwords,
    store_settings,
    write_store_config,
)
from sentiment_cli.stack.health import check_part
from sentiment_cli.stack.programs import find_postgres
from sentiment_cli.stack.record import running_record
from sentiment_cli.stack.supervisor import (
    LEFTOVER_SECONDS,
    check_ports,
    end_leftovers,
    find_store,
    procfile,
    running_alone,
    supervised_environment,
    wait_for_parts,
)
from sentiment_core.errors import ConflictError, NotReadyError

_STATEFUL: Final = ("postgres", "s3")


def back_up(settings: StackSettings, path: Path, on_progress: Callable[[str], None]) -> Backup:
    """Copy the state of the running stack into a new folder; see `create_backup`.

    Raises
    ------
    NotReadyError
        If the stack does not run.
    SentimentError
        As `create_backup`.
    """
    for part in _STATEFUL:
        problem = check_part(settings, part)
        if problem:
            raise NotReadyError(
                f"{part} does not answer ({problem}): start the stack first "
                "(`sentiment-cli stack up`)."
            )
    return create_backup(path, stack_servers(settings), DATABASES, BUCKETS, on_progress)


def stack_servers(settings: StackSettings) -> Servers:
    """Name the database and the store of the stack, which run."""
    record = running_record(settings)
    # A dump is made by the programs of the server that runs: older ones refuse it.
    postgres = record.postgres if record else find_postgres(settings.folder / DATA_FOLDER)
    password = SecretStr(read_passwords(settings.folder)[SUPERUSER])
    return Servers(
        store_settings(settings),
        DatabaseServer(HOST, settings.postgres_port, SUPERUSER, password, Path(postgres.path)),
    )


@contextlib.contextmanager
def stopped_stack(settings: StackSettings, on_progress: Callable[[str], None]) -> Iterator[Servers]:
    """Run database and store of the stopped stack alone, as a restore needs them.

    Raises
    ------
    ConflictError
        If the stack runs, or another restore does.
    """
    if running_record(settings):
        raise ConflictError("The stack runs: stop it first (`sentiment-cli stack down`).")
    end_leftovers(settings)  # of a restore that was killed
    with stateful_parts(settings, on_progress):
        yield stack_servers(settings)


@contextlib.contextmanager
def stateful_parts(
    settings: StackSettings,
    on_progress: Callable[[str], None],
    *,
    patience_seconds: float = LEFTOVER_SECONDS,
) -> Iterator[None]:
    """Run the database and the store alone, until both answer; the stack must not run.

    `on_progress` takes a sentence on what is being waited for. Another process that runs them has
    `patience_seconds` to end.
    """
    with running_alone(settings, patience_seconds):
        check_ports(settings)
        environment = supervised_environment(settings, find_store())
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
