"""Secrets as files: all of them in one folder for root, and for each service those that it reads.

A service sees its own folder alone, as a volume. Files belong to the user that the service runs as
and have mode 0400. Everything can be repeated: a secret that is given replaces an older one, one
that was generated stays as it is.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets, Secret, catalogue
from sentiment_core.atomic_files import PART_PREFIX, replacing
from sentiment_core.errors import NotFoundError, SettingsError

ALL: Final = "all"
"""The folder of all secrets; no service has this name."""

Origin = Literal["given", "generated", "kept"]

_MODE: Final = 0o400
_FOLDER_MODE: Final = 0o500
_RANDOM_BYTES: Final = 32
_IMAGE_USER: Final = 10_001  # `useradd --uid` in services/Dockerfile
_ROOT: Final = 0
_ROOT_SERVICES: Final = frozenset({"postgres", "minio", "seaweedfs", "nginx", "backup"})
"""Services whose image starts as root, and drops that by itself where it can."""


@dataclass(frozen=True)
class PreparedSecret:
    """What became of one secret; its value is not part of this.

    Attributes
    ----------
    name : str
        The variable of it.
    origin : {"given", "generated", "kept"}
        Where its value comes from.
    services : tuple of str
        Who reads it.
    """

    name: str
    origin: Origin
    services: tuple[str, ...]


def prepare_secrets(folder: Path, given: DeploymentSecrets) -> list[PreparedSecret]:
    """Write the files of all services; what is missing is generated.

    Parameters
    ----------
    folder : Path
        The folders of the services are in it, by their names, and `ALL`.
    given : DeploymentSecrets
        The secrets that the operator chose.

    Raises
    ------
    SettingsError
        If a secret that cannot be generated was never given, or a file cannot be written. Nothing
        has been written if one is missing.
    """
    known = catalogue()
    try:
        with _alone_in(folder):
            kept = _read_all(folder)
            values = {secret.name: _choose(secret, given, kept) for secret in known}
            with _opened(folder / ALL, _ROOT) as place:
                for name, (value, _origin) in values.items():
                    _write(place / name, value, _ROOT)
            for service in sorted({service for secret in known for service in secret.services}):
                read = {secret.name: values[secret.name][0] for secret in known
                        if service in secret.services}  # fmt: skip
                _write_service(folder / service, read, _owner(service))
    except OSError as error:
        raise SettingsError(f"Cannot prepare secrets in {folder}: {error}.") from error
    return [
        PreparedSecret(secret.name, values[secret.name][1], secret.services) for secret in known
    ]


def read_secrets(folder: Path) -> dict[str, str]:
    """Return all secrets that were prepared, by name.

    Raises
    ------
    NotFoundError
        If none were.
    SettingsError
        If they cannot be read.
    """
    try:
        values = _read_all(folder)
    except OSError as error:
        raise SettingsError(f"Cannot read the secrets in {folder}: {error}.") from error
    if not values:
        raise NotFoundError(f"{folder} holds no secrets: prepare them first (`secrets init`).")
    return {secret.name: values[secret.name] for secret in catalogue() if secret.name in values}


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _choose(
    secret: Secret, given: DeploymentSecrets, kept: Mapping[str, str]
) -> tuple[str, Origin]:
    value: SecretStr | None = getattr(given, secret.name.lower())
    if value is not None:
        return value.get_secret_value(), "given"
    if secret.name in kept:
        return kept[secret.name], "kept"
    if secret.generated is None:
        raise SettingsError(f"Set {secret.name} or {secret.name}_FILE: {secret.description}")
    return secret.generated.prefix + secrets.token_urlsafe(_RANDOM_BYTES), "generated"


def _read_all(folder: Path) -> dict[str, str]:
    files = (folder / ALL).iterdir() if (folder / ALL).is_dir() else iter(())
    return {path.name: path.read_text(encoding="utf-8") for path in files
            if not path.name.startswith(PART_PREFIX)}  # fmt: skip


def _write_service(folder: Path, values: Mapping[str, str], owner: int) -> None:
    with _opened(folder, owner):
        for name, value in values.items():
            _write(folder / name.lower(), value, owner)
        for path in folder.iterdir():  # what an older version had given to it, unfinished parts
            if path.name.upper() not in values:
                path.unlink()


@contextmanager
def _opened(folder: Path, owner: int) -> Iterator[Path]:
    """Make a folder that only its owner reads, and let it be written to meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_FOLDER_MODE | 0o200)
    yield folder
    folder.chmod(_FOLDER_MODE)
    _give_to(folder, owner)


def _write(path: Path, value: str, owner: int) -> None:
    with replacing(path, mode=0o600) as part:
        part.write_text(value, encoding="utf-8")
        part.chmod(_MODE)
        _give_to(part, owner)


def _give_to(path: Path, owner: int) -> None:
    if os.geteuid() == _ROOT:  # elsewhere, as in a test, they stay with whoever makes them
        os.chown(path, owner, owner)


def _owner(service: str) -> int:
    return _ROOT if service in _ROOT_SERVICES else _IMAGE_USER
