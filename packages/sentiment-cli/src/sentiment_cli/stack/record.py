"""What the stack was started with, kept in its folder: other shells need not be told again.

Keys are named by the file that holds them. The record outlives the stack, and a process that was
killed cannot take it back, so it says which process wrote it and when that process began.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.programs import Program
from sentiment_core.atomic_files import write_atomically
from sentiment_core.errors import DeniedError, InvalidError

_RECORD_FILE: Final = "stack.json"
STORE_KEYS_FILE: Final = "s3.json"
_STARTED_FIELD: Final = 19  # of /proc/<pid>/stat, behind the name of the program


@dataclass(frozen=True)
class StackRecord:
    """One start of the stack."""

    pid: int
    started: str | None
    host: str
    ports: dict[str, int]
    keys_file: str
    postgres: Program
    store: Program

    @property
    def is_running(self) -> bool:
        """Whether the process that wrote this still runs: its number may be another's by now."""
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            pass  # another user's, and alive
        except OSError:
            return False
        return self.started == start_of_process(self.pid)


def start_of_process(pid: int) -> str | None:
    """Tell when a process began, to tell it from a later one with the same number.

    The answer is in ticks of the system's clock; None where the system cannot tell.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state == "Z" else fields[_STARTED_FIELD - 1]


def write_record(settings: StackSettings, *, host: str, postgres: Program, store: Program) -> None:
    """Remember that this process runs the stack, on which host and with which programs."""
    pid = os.getpid()
    record = StackRecord(
        pid, start_of_process(pid), host, settings.ports, STORE_KEYS_FILE, postgres, store
    )
    content = json.dumps(asdict(record), indent=2) + "\n"
    write_atomically(settings.folder / _RECORD_FILE, content.encode())


def read_record(folder: Path) -> StackRecord | None:
    """Read what the stack was last started with; None before the first start.

    Raises
    ------
    InvalidError
        If the file is damaged.
    """
    path = folder / _RECORD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        programs = {name: Program(**content[name]) for name in ("postgres", "store")}
        return StackRecord(**content | programs)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidError(
            f"{path} is not a record of the stack ({error}): delete it, and set STACK_API_PORT "
            "and so on again where they were not the defaults."
        ) from error


def running_record(settings: StackSettings) -> StackRecord | None:
    """Read what the running stack was started with; None if it does not run."""
    record = read_record(settings.folder)
    return record if record and record.is_running else None


def remembered_settings(asked: StackSettings) -> tuple[StackSettings, list[str]]:
    """Complete the settings of this shell by what the stack was started with.

    What a running stack uses is a fact. Of a stopped one, a variable of this shell wins.

    Returns
    -------
    settings : StackSettings
        Those to work with.
    contradictions : list of str
        Variables of this shell that the running stack was not started with, each with both values.
    """
    record = read_record(asked.folder)
    if record is None:
        return asked, []
    remembered = _values(asked.folder, record)
    explicit = {name for name in asked.model_fields_set if name in remembered}
    if not record.is_running:
        kept = {name: value for name, value in remembered.items() if name not in explicit}
        return asked.model_copy(update=kept), []
    contradictions = [
        _contradiction(name, getattr(asked, name), remembered[name])
        for name in sorted(explicit)
        if getattr(asked, name) != remembered[name]
    ]
    return asked.model_copy(update=remembered), contradictions


def _values(folder: Path, record: StackRecord) -> dict[str, Any]:
    values: dict[str, Any] = {f"{part}_port": port for part, port in record.ports.items()}
    try:
        content = json.loads((folder / record.keys_file).read_text(encoding="utf-8"))
        (keys,) = content["identities"][0]["credentials"]
        values |= {"s3_access_key": keys["accessKey"], "s3_secret_key": keys["secretKey"]}
    except PermissionError as error:
        raise DeniedError(
            f"{folder} is another user's stack: run this as that user, or set STACK_HOME."
        ) from error
    except (OSError, ValueError, LookupError, TypeError):
        pass  # the settings' own keys
    known = StackSettings.model_validate(values)
    return {name: getattr(known, name) for name in values}


def _contradiction(name: str, asked: Any, remembered: Any) -> str:
    variable = f"STACK_{name.upper()}"
    if isinstance(asked, SecretStr):
        return f"{variable} is another key than the running stack's"
    return f"{variable} is {asked}, but the running stack uses {remembered}"
