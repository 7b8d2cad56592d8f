"""How far the labelling of a file has come, so that the same command goes on after any end."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

from sentiment_core.atomic_files import ABSENCE, write_atomically
from sentiment_core.json_object import parse_object

_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Task:
    """What is labelled, and how: another task has another result."""

    input: str
    input_size: int
    input_changed: str
    """When it was written last, or its version in a store."""
    model_name: str
    model_version: str
    scorer_digest: str
    text_column: str
    prefix: str
    explain: int

    def differences(self, other: "Task") -> list[str]:
        """Name what is not the same."""
        return [
            f"{name.replace('_', ' ')} {theirs} instead of {mine}"
            for name, mine in asdict(self).items()
            if (theirs := asdict(other)[name]) != mine
        ]


@dataclass(frozen=True)
class Progress:
    """What is written and counted so far."""

    task: Task
    last: int = 0
    """Number of the last row that was read."""
    parts: int = 0
    output_bytes: int = 0
    refused_bytes: int = 0
    n_rows: int = 0
    n_refused: int = 0
    n_positive: int = 0
    n_low_information: int = 0
    complete: bool = False

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_atomically(path, f"{json.dumps(asdict(self), indent=2)}\n".encode())

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read it; None if there is none, or none that is understood."""
        try:
            found = parse_object(path.read_bytes(), max_length=_MAX_BYTES)
            task = Task(**found.pop("task"))
            known = {field.name for field in fields(cls)}
            return cls(task, **{name: found[name] for name in known & set(found)})
        except (*ABSENCE, ValueError, KeyError, TypeError):
            return None
