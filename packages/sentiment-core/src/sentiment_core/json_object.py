"""JSON objects from files and servers that nobody vouches for."""

import json
from typing import Any


def parse_object(content: str | bytes, *, max_length: int) -> dict[str, Any]:
    """Read a JSON object; whatever else the content is, the error is the same.

    Parameters
    ----------
    content : str or bytes
        JSON.
    max_length : int
        Longest content, in characters or bytes, that is looked at.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    ValueError
        If it is something else, too long, or nested too deeply.

    Examples
    --------
    >>> parse_object('{"a": 1}', max_length=100)
    {'a': 1}
    >>> parse_object("[" * 100_000, max_length=1_000_000)
    Traceback (most recent call last):
        ...
    ValueError: it is nested too deeply
    """
    if len(content) > max_length:
        raise ValueError(f"it is longer than {max_length} bytes")
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - what was given is a value
    return found


def text_of(fields: dict[str, Any], name: str, *, max_length: int = 1024) -> str:
    """Return a field that has to be text.

    Parameters
    ----------
    fields : dict
        As `parse_object` returns it.
    name : str
        Name of the field.
    max_length : int, default 1024
        Most characters.

    Returns
    -------
    str
        Text that every encoding of Unicode can hold.

    Raises
    ------
    ValueError
        If it is missing, of another type, too long, or no Unicode.
    """
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > max_length:
        raise ValueError(f"{name} is no text of at most {max_length} characters")
    value.encode()  # JSON can spell a lone surrogate
    return value
