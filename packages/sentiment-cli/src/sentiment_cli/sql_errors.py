"""What errors of PostgreSQL mean here: the one place that looks at their classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from psycopg2 import errors

from sentiment_core.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    SentimentError,
    UnreachableError,
)

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


@contextmanager
def mapped_sql_errors(place: str) -> Iterator[None]:
    """Turn errors of psycopg2 into this project's, see `SQL_ERRORS`; `place` is host and port."""
    try:
        yield
    except psycopg2.Error as error:
        cls = next(SQL_ERRORS[base] for base in type(error).__mro__ if base in SQL_ERRORS)
        detail = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise cls(f"PostgreSQL on {place}: {detail}") from error
