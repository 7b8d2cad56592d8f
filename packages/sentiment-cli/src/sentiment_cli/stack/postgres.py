"""Runs PostgreSQL in the foreground: ``python -m`` this module.

The first start makes the cluster. Each start makes the databases and users that are missing.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from psycopg2 import sql

from sentiment_cli.settings import StackSettings, read_settings
from sentiment_cli.stack.database import SUPERUSER, connect, mapped_sql_errors
from sentiment_cli.stack.environment import DATA_FOLDER, DATABASES, HOST, read_passwords
from sentiment_cli.stack.programs import find_postgres
from sentiment_core.errors import RunError, SentimentError, SettingsError, UnreachableError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

_UNPRIVILEGED: Final = "nobody"
_UNFINISHED: Final = ".initdb-"
_SIGNS_OF_A_CLUSTER: Final = ("PG_VERSION", "global/pg_control")
_START_TIMEOUT_SECONDS: Final = 60.0


def main() -> int:
    """Run the server until a signal comes, and return its exit code."""
    try:
        settings = read_settings(StackSettings)
        identity = _server_identity(settings.folder)
        programs = Path(find_postgres(settings.folder / DATA_FOLDER).path)
        _make_cluster(settings, programs, identity)
        server = _start_server(settings, programs, identity)
        _make_databases(settings, server)
    except SentimentError as error:
        sys.exit(f"Error: {error}")
    return server.wait()


def _server_identity(folder: Path) -> dict[str, Any]:
    """Return who runs the server: it refuses to be run by root."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    user = pwd.getpwnam(_UNPRIVILEGED)
    data = folder / DATA_FOLDER
    closed = [str(parent) for parent in data.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise SettingsError(
            f"PostgreSQL does not run as root, and the user {_UNPRIVILEGED} cannot get into "
            f"{closed[-1]}: run as another user, or set STACK_HOME to a folder elsewhere."
        )
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _make_cluster(settings: StackSettings, programs: Path, identity: dict[str, Any]) -> None:
    """Make the cluster where there is none: under another name until it is complete."""
    data = settings.folder / DATA_FOLDER
    if all((data / name).exists() for name in _SIGNS_OF_A_CLUSTER):
        return
    _put_aside(data)
    for unfinished in settings.folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(unfinished)
    # A password file of its own: `initdb` may run as another user.
    with tempfile.NamedTemporaryFile("w", dir=settings.folder, prefix=".password-") as file:
        file.write(read_passwords(settings.folder)[SUPERUSER])
        file.flush()
        unfinished = Path(tempfile.mkdtemp(dir=settings.folder, prefix=_UNFINISHED))
        if identity:
            for path in (file.name, unfinished):
                os.chown(path, identity["user"], identity["group"])
        result = subprocess.run(  # noqa: S603 - a program that we found
            [programs / "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8",
             "--no-locale", "--auth=scram-sha-256", f"--pwfile={file.name}"],
            capture_output=True, text=True, check=False, **identity,
        )  # fmt: skip
    if result.returncode:
        raise RunError(f"The database cannot be made: {result.stderr.strip()}")
    unfinished.rename(data)


def _put_aside(data: Path) -> None:
    """Move a folder away that is no cluster; what is in it is somebody's to look at."""
    if not data.exists():
        return
    if not any(data.iterdir()):
        data.rmdir()
        return
    number = 1
    while (aside := data.with_name(f"{data.name}.incomplete-{number}")).exists():
        number += 1
    data.rename(aside)
    print(f"{data} was no complete database: it is {aside} now.")


def _start_server(
    settings: StackSettings, programs: Path, identity: dict[str, Any]
) -> "subprocess.Popen[bytes]":
    server = subprocess.Popen(  # noqa: S603 - a program that we found
        [programs / "postgres", "-D", str(settings.folder / DATA_FOLDER),
         "-p", str(settings.postgres_port), "-c", f"listen_addresses={HOST}",
         "-c", "unix_socket_directories=", "-c", "max_connections=200"],
        **identity,
    )  # fmt: skip

    def stop_fast(_number: int, _frame: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: clients do not delay it

    signal.signal(signal.SIGTERM, stop_fast)
    signal.signal(signal.SIGINT, stop_fast)
    return server


def _make_databases(settings: StackSettings, server: "subprocess.Popen[bytes]") -> None:
    connection = _connect_when_ready(settings, server)
    passwords = read_passwords(settings.folder)
    with mapped_sql_errors(settings), closing(connection), connection.cursor() as cursor:
        for name in DATABASES:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
            if cursor.fetchone() is None:
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                cursor.execute(statement.format(sql.Identifier(name), sql.Literal(passwords[name])))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(name)))


def _connect_when_ready(settings: StackSettings, server: "subprocess.Popen[bytes]") -> "Connection":
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while True:
        try:
            return connect(settings, SUPERUSER, SUPERUSER)
        except UnreachableError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RunError(f"PostgreSQL does not start: {error}") from error
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
