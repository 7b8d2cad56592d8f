"""Starts and stops the parts of the local stack together."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import (
    DATA_FOLDER,
    HOST,
    STORE_PORTS,
    server_environment,
    write_store_config,
)
from sentiment_cli.stack.health import CHECKS, check_part
from sentiment_cli.stack.log_file import RotatingLog, log_file
from sentiment_cli.stack.programs import Program, find_postgres, find_weed
from sentiment_cli.stack.record import running_record, write_record
from sentiment_core.errors import ConflictError, RunError, SentimentError, SettingsError

_START_TIMEOUT_SECONDS: Final = 180.0
_STOP_TIMEOUT_SECONDS: Final = 60.0
LEFTOVER_SECONDS: Final = 20.0
"""How long parts have for their end when whoever ran them is gone."""

_SUPERVISED: Final = "STACK_SUPERVISED"  # in the environment of each part: the folder
_START_LOCK: Final = "start.lock"
_RUN_LOCK: Final = "run.lock"
_LOG_LINES_SHOWN: Final = 15


def procfile() -> dict[str, str]:
    """Return the shell command of each part, in the order of the Procfile."""
    from honcho.environ import parse_procfile

    content = files("sentiment_cli.stack").joinpath("Procfile").read_text(encoding="utf-8")
    return dict(parse_procfile(content).processes)


def find_store() -> Program:
    """Find an S3 store that knows every option of the Procfile."""
    options = re.findall(r"(?<= -)[\w.]+(?==)", procfile()["s3"])
    return find_weed(flags=(*options, *STORE_PORTS))


def run(settings: StackSettings, *, to_log: bool = False) -> int:
    """Run all parts in the foreground until one of them ends or a signal comes.

    What they print goes to the terminal, or to the log of the stack.

    Raises
    ------
    ConflictError
        If they run already, or a port is taken.
    """
    with running_alone(settings):
        return _run(settings, to_log=to_log)


@contextlib.contextmanager
def running_alone(
    settings: StackSettings, patience_seconds: float = LEFTOVER_SECONDS
) -> Iterator[None]:
    """Keep other processes from running parts of this stack; the system ends that with this one.

    One that is just ending has `patience_seconds` for it.

    Raises
    ------
    ConflictError
        If another one does.
    """
    with _locked(settings, _RUN_LOCK, patience_seconds):
        yield


@contextlib.contextmanager
def _locked(
    settings: StackSettings,
    name: str,
    patience_seconds: float,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    from filelock import FileLock, Timeout

    _make_folder(settings)
    lock = FileLock(settings.folder / name)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire(timeout=patience_seconds)
    except Timeout as error:
        raise ConflictError(
            f"Another process starts, runs or restores the stack in {settings.folder}: wait for "
            "its end, or stop it (`sentiment-cli stack down`)."
        ) from error
    try:
        yield
    finally:
        lock.release()


def supervised_environment(settings: StackSettings, store: Program) -> dict[str, str]:
    """Return the environment of the parts, with the mark that `end_leftovers` knows them by."""
    return server_environment(settings, store) | {_SUPERVISED: str(settings.folder)}


def _run(settings: StackSettings, *, to_log: bool) -> int:
    import honcho.manager
    import honcho.printer

    check_ports(settings)
    store = find_store()
    postgres = find_postgres(settings.folder / DATA_FOLDER)
    environment = supervised_environment(settings, store)
    write_store_config(settings)
    # PostgreSQL and the store need more than honcho's five seconds for a clean end under load.
    honcho.manager.KILL_WAIT = 30
    output = RotatingLog(log_file(settings), settings.log_max_bytes) if to_log else sys.stdout
    manager = honcho.manager.Manager(honcho.printer.Printer(output))
    for name, command in procfile().items():
        manager.add_process(name, command, env=environment)
    write_record(settings, host=HOST, postgres=postgres, store=store)
    manager.loop()
    return int(manager.returncode or 0)


def start(settings: StackSettings, on_progress: Callable[[str], None]) -> bool:
    """Start the stack in the background and wait until every part answers; False if it ran already.

    `on_progress` takes a sentence on what is being waited for.

    Raises
    ------
    ConflictError
        If a port is taken.
    RunError
        If a part does not start; the end of the log is in the message.
    SettingsError
        If the folder cannot be written to.
    """
    with _locked(
        settings, _START_LOCK, _START_TIMEOUT_SECONDS,
        lambda: on_progress("Waiting for another `stack up`"),
    ):  # fmt: skip
        return _start(settings, on_progress)


def _start(settings: StackSettings, on_progress: Callable[[str], None]) -> bool:
    if record := running_record(settings):
        # Whoever started it may have been killed before it answered.
        wait_for_parts(settings, tuple(CHECKS), on_progress, alive=lambda: record.is_running)
        return False
    end_leftovers(settings)
    check_ports(settings)
    find_postgres(settings.folder / DATA_FOLDER)
    find_store()
    log_file(settings).write_bytes(b"")
    with log_file(settings).open("ab") as log:  # beside the handler that writes into it
        process = subprocess.Popen(
            [sys.executable, "-m", "sentiment_cli", "stack", "run", "--to-log"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env=os.environ | settings.as_environment(),
        )  # fmt: skip
    try:
        wait_for_parts(
            settings, tuple(CHECKS), on_progress,
            # One that an interrupted `stack up` has left may just be faster.
            alive=lambda: process.poll() is None or running_record(settings) is not None,
        )  # fmt: skip
    except SentimentError as error:
        if process.poll() is None:
            process.terminate()
            process.wait(_STOP_TIMEOUT_SECONDS)
        raise RunError(f"{error}\n{_end_of_log(settings)}") from error
    return True


def _make_folder(settings: StackSettings) -> None:
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
        log_file(settings).touch()
    except OSError as error:
        raise SettingsError(
            f"Cannot write to the folder {settings.folder} ({error.strerror}): set STACK_HOME to "
            "one that you may write to."
        ) from error


def _end_of_log(settings: StackSettings) -> str:
    """Show what stands in the log before the first part stopped, which made the others stop."""
    lines = log_file(settings).read_text(errors="replace").splitlines()
    stops = [number for number, line in enumerate(lines, 1) if "stopped (rc=" in line]
    end = stops[0] if stops else len(lines)
    shown = lines[max(end - _LOG_LINES_SHOWN, 0) : end]
    return "\n".join([f"From {log_file(settings)}:", *shown])


def stop(settings: StackSettings) -> bool:
    """Stop the stack and wait for its end; False if nothing of it ran.

    Raises
    ------
    RunError
        If it does not end in time.
    """
    record = running_record(settings)
    if record is None:
        return end_leftovers(settings)
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    while record.is_running:
        if time.monotonic() > deadline:
            raise RunError(
                f"The stack (process {record.pid}) does not end; see {log_file(settings)}."
            )
        time.sleep(0.2)
    return True


def end_leftovers(settings: StackSettings, *, patience_seconds: float = LEFTOVER_SECONDS) -> bool:
    """End the parts whose supervisor was killed: they go on without it, and hold the ports.

    They are known by the folder of the state in their environment, where the system shows that, and
    have `patience_seconds` for an orderly end. The answer says whether there were any.
    """
    if not (left := _leftovers(settings)):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience_seconds
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while (left := _leftovers(settings)) and time.monotonic() < deadline:
            time.sleep(0.1)
    return True


def _leftovers(settings: StackSettings) -> list[int]:
    mark = f"\0{_SUPERVISED}={settings.folder}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in b"\0" + (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
    return found


def wait_for_parts(
    settings: StackSettings,
    part_names: Sequence[str],
    on_progress: Callable[[str], None],
    *,
    alive: Callable[[], bool] = lambda: True,
    patience_seconds: float = _START_TIMEOUT_SECONDS,
) -> None:
    """Wait until some parts, as the Procfile names them, answer.

    Parameters
    ----------
    on_progress : callable
        Takes a sentence on what is being waited for.
    alive : callable, optional
        Whether waiting still makes sense.

    Raises
    ------
    RunError
        If they do not answer in time.
    """
    deadline = time.monotonic() + patience_seconds
    missing = list(part_names)
    while missing:
        problem = check_part(settings, missing[0])
        if problem is None:
            del missing[0]
            continue
        on_progress(f"Waiting for {', '.join(missing)}")
        if not alive():
            raise RunError("A part of the stack stopped before all of them answered.")
        if time.monotonic() > deadline:
            raise RunError(f"{missing[0]} does not answer ({problem}).")
        time.sleep(0.3)


def check_ports(settings: StackSettings) -> None:
    """Refuse to start where a port is taken.

    Raises
    ------
    ConflictError
        Names the port, its part and the setting that changes it.
    """
    for part, port in settings.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise ConflictError(
                    f"Port {port} of {part} is taken: stop what listens there, or set "
                    f"STACK_{part.upper()}_PORT to another."
                ) from error
