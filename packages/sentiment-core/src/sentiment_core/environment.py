"""The environment of a process, completed once by its entry point.

A value means the same wherever it stands: in a variable, in the file ``.env``, or in a file that
the variable with the suffix ``_FILE`` names, as containers are given their secrets. Libraries that
read the environment themselves (MLflow, Prefect, boto3) see the same values as our settings.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, get_args

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from sentiment_core.errors import SettingsError
from sentiment_core.redaction import redact

FILE_SUFFIX: Final = "_FILE"


def load_environment(
    *settings: type[BaseSettings],
    env_file: Path = Path(".env"),
    environ: MutableMapping[str, str] = os.environ,
) -> None:
    """Complete the environment from ``.env`` and from the files of settings; for entry points.

    A variable that has a value keeps it; a value in ``.env`` wins over a file. What is secret among
    them is masked from then on wherever this process prints it.

    Parameters
    ----------
    *settings : type of BaseSettings
        Classes whose fields may stand in files.
    env_file : Path, default ``.env``
        The file, which may be missing.
    environ : mapping, default ``os.environ``
        The variables, which are completed.

    Raises
    ------
    SettingsError
        If a file cannot be read.
    """
    try:
        values = dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read {env_file}: {error}.") from error
    for name, value in values.items():
        if value and not environ.get(name):
            environ[name] = _checked(value, f"{name} in {env_file}")
    for name, _ in _variables(settings):
        path = environ.get(name + FILE_SUFFIX)
        if path and not environ.get(name):
            environ[name] = _read(name, Path(path))
    redact.learn(_secrets(settings, environ))


def _variables(settings: tuple[type[BaseSettings], ...]) -> Iterator[tuple[str, FieldInfo]]:
    for cls in settings:
        prefix = cls.model_config.get("env_prefix", "")
        for name, field in cls.model_fields.items():
            alias = field.validation_alias
            if isinstance(alias, AliasChoices):
                for choice in alias.choices:
                    if isinstance(choice, str):
                        yield choice, field
            else:
                yield (alias if isinstance(alias, str) else prefix + name).upper(), field


def _secrets(
    settings: tuple[type[BaseSettings], ...], environ: Mapping[str, str]
) -> frozenset[str]:
    """Return the values that nobody may see.

    What stands in the source as a default, or is a user's name as well (as for development), is
    no secret: masking it would garble sentences and hide nothing.
    """
    secret: set[str] = set()
    public: set[str] = set()
    for name, field in _variables(settings):
        (secret if _is_secret(field.annotation) else public).add(environ.get(name, ""))
        default = field.default
        public.add(default.get_secret_value() if isinstance(default, SecretStr) else str(default))
    return frozenset(secret - public)


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


def _read(name: str, path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"Cannot read {name}{FILE_SUFFIX}={path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}{FILE_SUFFIX}={path} is not UTF-8 text.") from error
    return _checked(content, f"{name}{FILE_SUFFIX}={path}")


def _checked(value: str, where: str) -> str:
    if "\0" in value:
        raise SettingsError(f"{where} holds a zero byte, which no variable can hold.")
    return value
