"""Connections to the local stack's PostgreSQL."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

import psycopg2

from sentiment_cli import sql_errors
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import HOST, read_passwords

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

SUPERUSER: Final = "postgres"
_TIMEOUT_SECONDS: Final = 3


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


def mapped_sql_errors(settings: StackSettings) -> AbstractContextManager[None]:
    """Turn errors of psycopg2 into this project's; see `sentiment_cli.sql_errors`."""
    return sql_errors.mapped_sql_errors(f"{HOST}:{settings.postgres_port}")
