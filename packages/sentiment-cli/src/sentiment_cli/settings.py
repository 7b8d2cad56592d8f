"""Where the local stack keeps its state, and on which ports it listens."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentiment_core.registry_names import DEFAULT_HOME


class StackSettings(BaseSettings):
    """Each field is the environment variable STACK_ and its name, in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="STACK_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
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
        """Return the variables that choose exactly these settings.

        Returns
        -------
        dict of str to str
            Secrets included.
        """
        ports = {f"STACK_{part.upper()}_PORT": str(port) for part, port in self.ports.items()}
        return {
            "STACK_HOME": str(self.folder),
            **ports,
            "STACK_S3_ACCESS_KEY": self.s3_access_key,
            "STACK_S3_SECRET_KEY": self.s3_secret_key.get_secret_value(),
        }
