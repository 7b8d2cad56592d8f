"""DVC's remote: which one a project has, what is in it, and how this machine reaches it.

DVC reads neither ``.env`` nor MLFLOW_S3_ENDPOINT_URL. Its own place for addresses and keys of one
machine is ``.dvc/config.local``, which git ignores.
"""

import configparser
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sentiment_core.atomic_files import write_atomically
from sentiment_core.errors import SentimentError

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings

_CONFIG: Final = Path(".dvc/config")
_LOCAL_CONFIG: Final = Path(".dvc/config.local")
_OPTIONS: Final = {
    "endpointurl": "MLFLOW_S3_ENDPOINT_URL",
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",  # pragma: allowlist secret
    "region": "AWS_DEFAULT_REGION",
}
_FIELDS: Final = {
    "endpointurl": "endpoint",
    "access_key_id": "aws_access_key_id",
    "secret_access_key": "aws_secret_access_key",  # pragma: allowlist secret
    "session_token": "aws_session_token",
    "region": "aws_default_region",
}
"""Options of a remote, and what `StoreSettings` calls them."""


@dataclass(frozen=True)
class DvcRemote:
    """A remote and its options."""

    project: Path
    name: str
    options: Mapping[str, str] = field(repr=False)  # keys may be among them

    @property
    def url(self) -> str:
        """Where it is."""
        return self.options.get("url", "")

    def has(self, md5: str, settings: "StoreSettings") -> bool:
        """Ask whether the file with a digest is there; the digest is its name.

        The answer is False also where the remote does not answer, or is of a kind that we cannot
        ask. The settings give endpoint and keys where the remote does not say its own.
        """
        name = f"files/md5/{md5[:2]}/{md5[2:]}"
        if "://" not in self.url:
            return (self.project / _CONFIG.parent / self.url / name).is_file()
        return self.url.startswith("s3://") and self._bucket_has(name, settings)

    def _bucket_has(self, name: str, settings: "StoreSettings") -> bool:
        from sentiment_core.s3_store import S3Store

        own: dict[str, Any] = {
            field: self.options[option]
            for option, field in _FIELDS.items()
            if option in self.options
        }
        if "aws_access_key_id" in own:
            own.setdefault("aws_session_token", None)  # that of the other keys does not belong here
        try:
            store = S3Store(self.url, settings.model_validate(settings.model_dump() | own))
            return any(item.key == name for item in store.list(name))
        except SentimentError:
            return False


def default_remote(project: Path) -> DvcRemote | None:
    """Read the remote that ``dvc push`` and ``dvc pull`` use; None where there is none."""
    config = _read(project / _CONFIG, project / _LOCAL_CONFIG)
    name = config.get("core", "remote", fallback=None)
    if name is None or not config.has_section(_section(name)):
        return None
    return DvcRemote(project, name, dict(config[_section(name)]))


def point_default_remote(project: Path, variables: Mapping[str, str]) -> DvcRemote | None:
    """Make the default remote use a store, on this machine alone; None where there is no S3 remote.

    The variables are what clients of the store find in their environment. Nothing is done in a
    folder without ``.dvc``.
    """
    remote = default_remote(project)
    if remote is None or not remote.url.startswith("s3://"):
        return None
    path = project / _LOCAL_CONFIG
    config = _read(path)
    section = _section(remote.name)
    if not config.has_section(section):
        config.add_section(section)
    for option, variable in _OPTIONS.items():
        config.set(section, option, variables[variable])
    text = io.StringIO()
    config.write(text)
    write_atomically(path, text.getvalue().encode(), mode=0o600)
    return default_remote(project)


def _section(remote: str) -> str:
    return f"'remote \"{remote}\"'"


def _read(*paths: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read(paths, encoding="utf-8")
    return config
