"""Databases of a PostgreSQL server: dumped, loaded under another name, and swapped at once."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2 import sql
from pydantic import SecretStr

from sentiment_cli.sql_errors import mapped_sql_errors
from sentiment_core.errors import ConflictError, InvalidError, NotFoundError, RunError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

_MAINTENANCE: Final = "postgres"
_CONNECT_SECONDS: Final = 10
_LEAVE_SECONDS: Final = 3.0
_SWAP_SECONDS: Final = 30.0
_LOCK: Final = 7_365_746_273  # any number that all restores agree on


@dataclass(frozen=True)
class DatabaseServer:
    """A PostgreSQL server, reached as a user that may do everything.

    Parameters
    ----------
    host, port, user, password
        How it is reached.
    programs : Path
        Folder of `pg_dump` and `pg_restore`, not older than the server.
    """

    host: str
    port: int
    user: str
    password: SecretStr
    programs: Path

    def major(self) -> int:
        """Ask for the major version."""
        with self._connection() as connection:
            return int(connection.server_version) // 10_000

    def dump_major(self) -> int:
        """Return the major version of the programs: older ones cannot read their dumps."""
        found = re.search(r"\(PostgreSQL\) (\d+)", self._run("pg_dump", "--version"))
        if found is None:
            raise RunError(f"{self.programs / 'pg_dump'} does not say its version.")
        return int(found[1])

    def dump(self, database: str, target: Path) -> None:
        """Write a database into a file.

        Raises
        ------
        RunError
            If that fails, or if `pg_restore` cannot read the file.
        """
        self._run("pg_dump", "-Fc", "-f", str(target), "-d", database)
        self._run("pg_restore", "--list", str(target))

    def check_dump(self, path: Path) -> None:
        """Let `pg_restore` read the table of contents of a dump.

        Raises
        ------
        InvalidError
            If it cannot.
        """
        try:
            self._run("pg_restore", "--list", str(path))
        except RunError as error:
            raise InvalidError(f"{path} is no dump that can be restored: {error}") from error

    def existing(self, databases: Sequence[str]) -> list[str]:
        """Name those of some databases that are there."""
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT datname FROM pg_database WHERE datname = ANY(%s) ORDER BY datname",
                [list(databases)],
            )
            return [str(name) for (name,) in cursor.fetchall()]

    def check_owners(self, databases: Sequence[str]) -> None:
        """Require the role of each database, which has its name.

        Raises
        ------
        NotFoundError
            If one is missing.
        """
        with self._cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles")
            roles = {name for (name,) in cursor.fetchall()}
        if missing := [name for name in databases if name not in roles]:
            raise NotFoundError(
                f"PostgreSQL on {self._place} has no user {missing[0]}, which is to own the "
                "database of that name: make it first."
            )

    def check_unused(self, databases: Sequence[str]) -> None:
        """Require that nobody works with some databases.

        Raises
        ------
        ConflictError
            If somebody does.
        """
        deadline = time.monotonic() + _LEAVE_SECONDS
        while used := self._used(databases):
            if time.monotonic() > deadline:
                name, count = used[0]
                raise ConflictError(
                    f"The database {name} is in use ({count} connections): stop MLflow, Prefect "
                    "and the worker first."
                )
            time.sleep(0.2)  # who has just left is still seen for a moment

    def _used(self, databases: Sequence[str]) -> list[tuple[str, int]]:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT datname, count(*) FROM pg_stat_activity WHERE datname = ANY(%s) "
                "AND backend_type = 'client backend' GROUP BY datname ORDER BY datname",
                [list(databases)],
            )
            return [(str(name), int(count)) for name, count in cursor.fetchall()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other restores away; the server ends the lock with the connection.

        Raises
        ------
        ConflictError
            If another restore goes on.
        """
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            row = cursor.fetchone()
            if not row or not row[0]:
                raise ConflictError(
                    f"Another restore goes on in PostgreSQL on {self._place}: wait for its end."
                )
            yield

    def load(self, database: str, dump: Path) -> None:
        """Load a dump beside the database that it will replace, see `swap`.

        What an interrupted restore left there is dropped.
        """
        beside = _restoring(database)
        with self._cursor() as cursor:
            _drop(cursor, beside)
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(beside), sql.Identifier(database)
                )
            )
        self._run("pg_restore", "--exit-on-error", "-d", beside, str(dump))

    def swap(self, databases: Sequence[str]) -> None:
        """Put what was loaded in the place of the databases: all of them, or none.

        The former ones stay beside them, see `drop_replaced`.
        """
        # An interrupted restore that had come this far was complete: this is what it would do.
        self.drop_replaced(databases)
        deadline = time.monotonic() + _SWAP_SECONDS
        while True:
            try:
                with self._transaction() as cursor:
                    self._rename_all(cursor, databases)
            except ConflictError:  # somebody has connected again
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def drop_replaced(self, databases: Sequence[str]) -> None:
        """Drop the databases that `swap` has replaced."""
        with self._cursor() as cursor:
            for name in databases:
                _drop(cursor, _replaced(name))

    def _rename_all(self, cursor: "Cursor", databases: Sequence[str]) -> None:
        for name in databases:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)",
                [[name, _restoring(name)]],
            )
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone():
                _rename(cursor, name, _replaced(name))
            _rename(cursor, _restoring(name), name)

    @property
    def _place(self) -> str:
        return f"{self.host}:{self.port}"

    @contextmanager
    def _connection(self) -> Iterator["Connection"]:
        with mapped_sql_errors(self._place):
            connection = psycopg2.connect(
                host=self.host, port=self.port, user=self.user, dbname=_MAINTENANCE,
                password=self.password.get_secret_value(), connect_timeout=_CONNECT_SECONDS,
            )  # fmt: skip
            with closing(connection):
                connection.autocommit = True  # databases are made outside of transactions
                yield connection

    @contextmanager
    def _cursor(self) -> Iterator["Cursor"]:
        with self._connection() as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator["Cursor"]:
        with self._connection() as connection:
            connection.autocommit = False
            with connection, connection.cursor() as cursor:
                yield cursor

    def _run(self, program: str, *arguments: str) -> str:
        connection = {
            "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user,
            "PGPASSWORD": self.password.get_secret_value(),
        }  # fmt: skip
        try:
            result = subprocess.run(  # noqa: S603 - a program that we found
                [self.programs / program, *arguments], env=os.environ | connection,
                capture_output=True, text=True, errors="replace", check=False,
            )  # fmt: skip
        except OSError as error:
            raise RunError(f"{self.programs / program} does not run: {error.strerror}.") from error
        if result.returncode:
            raise RunError(f"{program} failed: {result.stderr.strip()}")
        return result.stdout


def _restoring(name: str) -> str:
    return f"{name}_restoring"


def _replaced(name: str) -> str:
    return f"{name}_replaced"


def _rename(cursor: "Cursor", name: str, new: str) -> None:
    cursor.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new))
    )


def _drop(cursor: "Cursor", name: str) -> None:
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
