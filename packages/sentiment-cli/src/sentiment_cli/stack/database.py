"""Connections to the local stack's PostgreSQL; the one place that knows what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2 import errors

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import HOST, read_passwords
from sentiment_core.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

SUPERUSER: Final = "postgres"
_TIMEOUT_SECONDS: Final = 3

SQL_ERRORS: Final[dict[type[psycopg2.Error], type[SentimentError]]] = {
    psycopg2.OperationalError: UnreachableError,
    psycopg2.InterfaceError: UnreachableError,
    errors.InsufficientPrivilege: DeniedError,
    errors.InvalidCatalogName: NotFoundError,
    errors.ObjectInUse: ConflictError,
    errors.DuplicateDatabase: ConflictError,
    errors.DuplicateObject: ConflictError,
    psycopg2.Error: RefusedError,
}
"""A class that is not listed is as its base. To psycopg2, a server that refuses a password is one
that cannot be connected to."""


def connect(settings: StackSettings, user: str, database: str) -> "Connection":
    """Open a connection to the local stack's database; each statement is a transaction of its own.

    Raises
    ------
    UnreachableError
        If the server does not answer, or refuses the user.
    """
    password = read_passwords(settings.folder)[user]
    with mapped_sql_errors(settings):
        connection = psycopg2.connect(
            host=HOST, port=settings.postgres_port, user=user, password=password, dbname=database,
            connect_timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        connection.autocommit = True
    return connection


@contextmanager
def mapped_sql_errors(settings: StackSettings) -> Iterator[None]:
    """Turn errors of psycopg2 into this project's; see `SQL_ERRORS`."""
    try:
        yield
    except psycopg2.Error as error:
        cls = next(SQL_ERRORS[base] for base in type(error).__mro__ if base in SQL_ERRORS)
        detail = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise cls(f"PostgreSQL on {HOST}:{settings.postgres_port}: {detail}") from error
