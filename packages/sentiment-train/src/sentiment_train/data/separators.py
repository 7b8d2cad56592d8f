"""What stands between the values of a CSV file."""

from collections.abc import Collection
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")


def find_separator(line: str, columns: Collection[str]) -> str:
    """Find the separator of a header: the one that finds the columns, else a comma.

    Parameters
    ----------
    line : str
        The first line, without its end.
    columns : collection of str
        Columns that are expected.

    Examples
    --------
    >>> find_separator('id;"text"', ["text"])
    ';'
    """
    for separator in SEPARATORS:
        names = {name.strip().strip('"') for name in line.split(separator)}
        if columns and names.issuperset(columns):
            return separator
    return ","
