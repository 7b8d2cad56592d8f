"""What commands print: text for people or one JSON value for scripts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value for scripts.")]


def print_json(value: object) -> None:
    """Print a value as JSON on standard output.

    Parameters
    ----------
    value : object
        JSON values, dataclasses, or lists of these.
    """
    typer.echo(json.dumps(value, default=_encode, indent=2, ensure_ascii=False))


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output.

    Parameters
    ----------
    title : str
        Heading.
    columns : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells; printed as they are.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
