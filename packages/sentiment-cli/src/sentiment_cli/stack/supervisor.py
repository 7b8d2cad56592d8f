"""Starts and stops the parts of the local stack together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import HOST, server_environment, write_store_config
from sentiment_cli.stack.health import CHECKS, check_part
from sentiment_core.errors import SentimentError

_START_TIMEOUT_SECONDS: Final = 180.0
_STOP_TIMEOUT_SECONDS: Final = 60.0
_LOG_LINES_SHOWN: Final = 15


class StackError(SentimentError):
    """The local stack does not start or stop as it should."""


def procfile() -> dict[str, str]:
    """Return the shell command of each part.

    Returns
    -------
    dict of str to str
        By name, in the order of the Procfile.
    """
    from honcho.environ import parse_procfile

    content = files("sentiment_cli.stack").joinpath("Procfile").read_text(encoding="utf-8")
    return dict(parse_procfile(content).processes)


def running_pid(settings: StackSettings) -> int | None:
    """Return the process id of the running stack.

    Parameters
    ----------
    settings : StackSettings
        Names the folder of the state.

    Returns
    -------
    int or None
        None if it does not run.
    """
    try:
        pid = int(_pid_file(settings).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid if _is_stack(pid) else None


def _is_stack(pid: int) -> bool:
    """Say whether a process is a stack: its number may be another's after a restart."""
    command = Path(f"/proc/{pid}/cmdline")
    try:
        return b"stack" in command.read_bytes()
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # a system that cannot tell


def run(settings: StackSettings) -> int:
    """Run all parts in the foreground until one of them ends or a signal comes.

    Parameters
    ----------
    settings : StackSettings
        Ports and the folder of the state.

    Returns
    -------
    int
        Exit code.
    """
    import honcho.manager

    check_ports(settings)
    environment = server_environment(settings)
    write_store_config(settings)
    # PostgreSQL and the store need more than honcho's five seconds for a clean end under load.
    honcho.manager.KILL_WAIT = 30
    manager = honcho.manager.Manager()
    for name, command in procfile().items():
        manager.add_process(name, command, env=environment)
    _pid_file(settings).write_text(str(os.getpid()))
    try:
        manager.loop()
    finally:
        _pid_file(settings).unlink(missing_ok=True)
    return int(manager.returncode or 0)


def start(settings: StackSettings, on_progress: Callable[[str], None]) -> bool:
    """Start the stack in the background and wait until every part answers.

    Parameters
    ----------
    settings : StackSettings
        Ports and the folder of the state.
    on_progress : callable
        Is told what is being waited for.

    Returns
    -------
    bool
        False if it ran already.

    Raises
    ------
    StackError
        If a port is taken, or a part does not start; the end of the log is in the message.
    """
    if running_pid(settings):
        return False
    check_ports(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with log_file(settings).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sentiment_cli", "stack", "run"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for_parts(settings, list(CHECKS), on_progress, alive=lambda: process.poll() is None)
    except SentimentError as error:
        if process.poll() is None:
            process.terminate()
            process.wait(_STOP_TIMEOUT_SECONDS)
        raise StackError(f"{error}\n{_end_of_log(settings)}") from error
    return True


def _end_of_log(settings: StackSettings) -> str:
    """Show what stands in the log before the first part stopped, which made the others stop."""
    lines = log_file(settings).read_text(errors="replace").splitlines()
    stops = [number for number, line in enumerate(lines, 1) if "stopped (rc=" in line]
    end = stops[0] if stops else len(lines)
    shown = lines[max(end - _LOG_LINES_SHOWN, 0) : end]
    return "\n".join([f"From {log_file(settings)}:", *shown])


def stop(settings: StackSettings) -> bool:
    """Stop the stack and wait for its end.

    Parameters
    ----------
    settings : StackSettings
        Names the folder of the state.

    Returns
    -------
    bool
        False if it did not run.

    Raises
    ------
    StackError
        If it does not end in time.
    """
    pid = running_pid(settings)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    while running_pid(settings):
        if time.monotonic() > deadline:
            raise StackError(f"The stack (process {pid}) does not end; see {log_file(settings)}.")
        time.sleep(0.2)
    return True


def wait_for_parts(
    settings: StackSettings,
    parts: list[str],
    on_progress: Callable[[str], None],
    *,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Wait until some parts answer.

    Parameters
    ----------
    settings : StackSettings
        Ports.
    parts : list of str
        Names of the Procfile.
    on_progress : callable
        Is told what is being waited for.
    alive : callable, optional
        Whether waiting still makes sense.

    Raises
    ------
    StackError
        If they do not answer in time.
    """
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    missing = list(parts)
    while missing:
        problem = check_part(settings, missing[0])
        if problem is None:
            del missing[0]
            continue
        on_progress(f"Waiting for {', '.join(missing)}")
        if not alive():
            raise StackError("A part of the stack stopped before all of them answered.")
        if time.monotonic() > deadline:
            raise StackError(f"{missing[0]} does not answer ({problem}).")
        time.sleep(0.3)


def check_ports(settings: StackSettings) -> None:
    """Refuse to start where a port is taken.

    Parameters
    ----------
    settings : StackSettings
        Ports.

    Raises
    ------
    StackError
        Names the port, its part and the setting that changes it.
    """
    for part, port in settings.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise StackError(
                    f"Port {port} of {part} is taken: stop what listens there, or set "
                    f"STACK_{part.upper()}_PORT to another."
                ) from error


def log_file(settings: StackSettings) -> Path:
    """Name the log of a stack in the background.

    Parameters
    ----------
    settings : StackSettings
        Names the folder of the state.

    Returns
    -------
    Path
        All parts write into it.
    """
    return settings.folder / "stack.log"


def _pid_file(settings: StackSettings) -> Path:
    return settings.folder / "stack.pid"
