"""The settings of the command line: read by its commands, and passed on from there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSetting

from sentiment_cli.backup.settings import DatabaseSettings
from sentiment_core.environment import load_environment
from sentiment_core.errors import SettingsError
from sentiment_core.registry_names import DEFAULT_HOME
from sentiment_core.store_settings import StoreSettings
from sentiment_train.running.environment import configure_runtime
from sentiment_train.settings import TrainSettings

Settings = TypeVar("Settings", bound=BaseSettings)


class StackSettings(BaseSettings):
    """Each field is the environment variable STACK_ and its name, in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="STACK_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default=DEFAULT_HOME / "stack", description="Folder of all state of the local stack."
    )
    api_port: int = Field(default=8000, ge=1, le=65535, description="Port of the API.")
    mlflow_port: int = Field(default=5001, ge=1, le=65535, description="Port of MLflow.")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Port of Prefect.")
    s3_port: int = Field(default=9000, ge=1, le=65535, description="Port of the S3 store.")
    postgres_port: int = Field(default=5433, ge=1, le=65535, description="Port of PostgreSQL.")
    s3_access_key: str = Field(default="minioadmin", description="Key of the local store.")
    s3_secret_key: SecretStr = Field(
        default=SecretStr("minioadmin"), description="Its secret; it listens on this machine only."
    )
    log_max_bytes: int = Field(
        default=64 << 20, ge=1 << 20, description="Bytes of the log of all parts, the old one too."
    )

    @property
    def folder(self) -> Path:
        """Absolute path of the state."""
        return self.home.absolute()

    @property
    def ports(self) -> dict[str, int]:
        """Port of each part that has one."""
        return {
            "postgres": self.postgres_port,
            "s3": self.s3_port,
            "mlflow": self.mlflow_port,
            "prefect": self.prefect_port,
            "api": self.api_port,
        }

    def as_environment(self) -> dict[str, str]:
        """Return the variables that choose exactly these settings, secrets included."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            f"STACK_{name.upper()}": _revealed(value)
            for name, value in (values | {"home": self.folder}).items()
        }


_CLASSES: Final[tuple[type[BaseSettings], ...]] = (
    TrainSettings,
    StoreSettings,
    StackSettings,
    DatabaseSettings,
)


def read_settings(cls: type[Settings]) -> Settings:
    """Read settings from the environment, ``.env`` and the files of secrets; for commands.

    Raises
    ------
    SettingsError
        If a value cannot be used.
    """
    load_environment(*_CLASSES, cls)
    with _mapped_errors(cls):
        return cls()


def configure(*, needs_home: bool = True) -> TrainSettings:
    """Read the settings of the training package and prepare this process for its libraries.

    `needs_home` makes the folder of the state; a diagnosis does without.

    Raises
    ------
    SentimentError
        If a value, or the folder of the state, cannot be used.
    """
    load_environment(*_CLASSES)
    with _mapped_errors(TrainSettings):
        return configure_runtime(needs_home=needs_home)


@contextmanager
def _mapped_errors(cls: type[BaseSettings]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        problem = error.errors()[0]
        prefix = cls.model_config.get("env_prefix", "")
        name = "".join([prefix, *(str(part) for part in problem["loc"][:1])]).upper()
        value = problem["input"]
        given = f"{name}={value}" if isinstance(value, str | int | float) else name
        raise SettingsError(
            f"{given}: {problem['msg']}. Correct the variable, or its line in .env."
        ) from error
    except UnreadableSetting as error:
        raise SettingsError(f"{error}: correct the variable, or its line in .env.") from error


def _revealed(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
