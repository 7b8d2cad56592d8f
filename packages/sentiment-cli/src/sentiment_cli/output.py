"""What commands print: text for people or one JSON value for scripts."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, Final

import typer

from sentiment_core.errors import InputError

_UNLIMITED: Final = 100_000  # columns: no table is wider


def print_json(value: object) -> None:
    """Print JSON values, dataclasses or lists of these as JSON on standard output."""
    typer.echo(json.dumps(value, default=_encode, indent=2, ensure_ascii=False))


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; no word in it is ever broken.

    On a terminal that is too narrow the terminal breaks lines; in a pipe nothing does. Cells are
    printed as they are.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        words = " ".join(row[number] for row in rows).split()
        table.add_column(column, min_width=max(map(len, words), default=0))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _UNLIMITED))
    console.print(table, crop=False, soft_wrap=False)


def confirm(question: str) -> None:
    """Ask on stderr whether to go on, and end the command if not.

    Raises
    ------
    InputError
        If nobody is there to answer.
    Abort
        If the answer is no.
    """
    check_answerable(question)
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise typer.Abort


def check_answerable(question: str, *, yes: bool = False) -> None:
    """Require somebody who can answer a question, unless it is answered with `yes` already.

    Raises
    ------
    InputError
        If nobody is there.
    """
    if not yes and not sys.stdin.isatty():
        raise InputError(f"{question} Nobody can answer here: say yes with --yes.")
