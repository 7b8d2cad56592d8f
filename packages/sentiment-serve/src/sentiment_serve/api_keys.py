"""Keys of the API's clients: a file with a line for each, of which only hashes are kept.

A line is ``NAME SCOPE[,SCOPE...] SHA256``. Two lines may have one name, so that a client changes to
its new key while the old one still works. A plain hash is enough for a key that nobody chose: of
256 random bits there is nothing to guess.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from sentiment_core.errors import SettingsError

logger = logging.getLogger(__name__)

Scope = Literal["predict", "feedback", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = "sk_"
_MAX_BYTES: Final = 1 << 20
_MAX_KEYS: Final = 1000
_CHECK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class ApiKey:
    """One key: who has it, what it opens, and its hash."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes


def new_key(name: str, scopes: list[Scope]) -> tuple[str, str]:
    """Make a key.

    Returns
    -------
    key : str
        What the client sends; it stands nowhere else.
    line : str
        What the file of keys needs.

    Raises
    ------
    SettingsError
        If the name has other characters than letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"The name {name!r} must be 1 to 64 letters, digits, '.', '_' or '-'.")
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} {','.join(sorted(set(scopes)))} {_digest(key).hex()}"


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read a file of keys.

    Raises
    ------
    SettingsError
        If it cannot be read, holds no key, or a line is wrong; the message names the line and
        shows nothing of it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise SettingsError(f"Cannot read API_KEYS_FILE={path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"API_KEYS_FILE={path} is not UTF-8 text.") from error
    keys = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            key = _parse(line.split(), f"API_KEYS_FILE={path}, line {number}")
            keys[key.digest] = key
    if not keys:
        raise SettingsError(
            f"API_KEYS_FILE={path} holds no key: `sentiment-serve new-key` makes one."
        )
    if len(content) > _MAX_BYTES or len(keys) > _MAX_KEYS:
        raise SettingsError(f"API_KEYS_FILE={path} holds more than {_MAX_KEYS} keys.")
    return tuple(keys.values())


class KeyRing:
    """The keys of a file, read again when it changes.

    Parameters
    ----------
    path : Path
        The file. One that becomes damaged or missing changes nothing: the last good keys stay.
    on_failure : callable
        Called once for each state of the file that cannot be used.

    Raises
    ------
    SettingsError
        As `read_keys`, at the first reading.
    """

    def __init__(self, path: Path, on_failure: Callable[[], None]) -> None:
        self._path = path
        self._on_failure = on_failure
        self._stamp = self._look()
        self._keys = read_keys(path)
        self._look_again = time.monotonic() + _CHECK_SECONDS

    def find(self, token: str) -> ApiKey | None:
        """Find the key that a client sent, in a time that tells nothing of the keys."""
        if time.monotonic() >= self._look_again:
            self._refresh()
        digest = _digest(token)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def _refresh(self) -> None:
        self._look_again = time.monotonic() + _CHECK_SECONDS
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = read_keys(self._path)
        except SettingsError as error:
            self._on_failure()
            logger.error("the keys stay as they were: %s", error)  # noqa: TRY400 - it is no fault
        else:
            logger.info("read %d keys from %s", len(self._keys), self._path)

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _parse(words: list[str], where: str) -> ApiKey:
    if len(words) != 3:
        raise SettingsError(f"{where}: it must be a name, scopes and a SHA-256.")
    name, scopes, digest = words
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: the name must be letters, digits, '.', '_' or '-'.")
    known: list[Scope] = [scope for scope in SCOPES if scope in scopes.split(",")]
    if len(known) != len(set(scopes.split(","))):
        raise SettingsError(f"{where}: scopes are {', '.join(SCOPES)}, with commas between them.")
    if not _SHA256.fullmatch(digest):
        raise SettingsError(f"{where}: the third word must be a SHA-256, in 64 hexadecimal digits.")
    return ApiKey(name, frozenset(known), bytes.fromhex(digest))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
