"""How the workers of one start tell each other at once what would else wait for the next check."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_SOCKET_PREFIX: Final = "worker-"
_RANDOM_BYTES: Final = 6
_LONGEST_PATH_BYTES: Final = 100  # 103 on macOS, 107 on Linux
_MAX_MESSAGE_BYTES: Final = 64
_CONSEQUENCE: Final = "a reload reaches them at their next check"


def has_room_for_sockets(folder: Path) -> bool:
    """Say whether the path of a folder is short enough: those of sockets have to be."""
    longest = folder / f"{_SOCKET_PREFIX}{'0' * 2 * _RANDOM_BYTES}"
    return len(os.fsencode(longest)) <= _LONGEST_PATH_BYTES


class WorkerChannel:
    """A socket for each worker in their common folder.

    Parameters
    ----------
    folder : Path or None
        The folder; None if there is one worker only, or none could be made.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._socket: socket.socket | None = None
        self._path: Path | None = None

    def open(self, on_message: Callable[[bytes], None]) -> None:
        """Take messages from now on, in the running loop."""
        if self._folder is None:
            return
        path = self._folder / f"{_SOCKET_PREFIX}{secrets.token_hex(_RANDOM_BYTES)}"
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own.setblocking(False)
        try:
            own.bind(str(path))
        except OSError as error:
            own.close()
            logger.warning("%s cannot be made (%s): %s", path, error, _CONSEQUENCE)
            return
        self._socket, self._path = own, path
        asyncio.get_running_loop().add_reader(own, self._read, own, on_message)

    def tell_others(self, message: bytes) -> None:
        """Send a message to the other workers that live; those that died are forgotten."""
        if self._folder is None or self._socket is None:
            return
        try:
            paths = list(self._folder.glob(f"{_SOCKET_PREFIX}*"))
        except OSError as error:
            logger.warning("the other workers are not told (%s): %s", error, _CONSEQUENCE)
            return
        for path in paths:
            if path != self._path:
                self._send(self._socket, message, path)

    def close(self) -> None:
        """Take no more messages."""
        if self._socket and self._path:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            with suppress(OSError):
                self._path.unlink()
            self._socket = None

    def _send(self, own: socket.socket, message: bytes, path: Path) -> None:
        try:
            own.sendto(message, str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(OSError):
                path.unlink()
        except BlockingIOError:
            pass  # it has not read what it was told before: it will look anyway
        except OSError as error:
            logger.warning("a worker is not told (%s): %s", error, _CONSEQUENCE)

    def _read(self, own: socket.socket, on_message: Callable[[bytes], None]) -> None:
        messages = set()
        with suppress(BlockingIOError):
            while True:
                messages.add(own.recv(_MAX_MESSAGE_BYTES))
        for message in messages:
            on_message(message)
