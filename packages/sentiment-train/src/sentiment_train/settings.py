"""Where things are: read from the environment, never from the code."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentiment_core.registry_names import (
    DEFAULT_HOME,
    DEFAULT_MODEL_NAME,
    embedded_tracking_uri,
)

PROMOTION_WAIT_SECONDS: Final = 300.0
UNKNOWN_REVISION: Final = "unknown"


class TrainSettings(BaseSettings):
    """Deployment settings; each field is the environment variable of that name, in capitals."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    sentiment_home: Path = Field(
        default=DEFAULT_HOME,
        description="Folder of all state when no server is configured, and of the download cache.",
    )
    mlflow_tracking_uri: str | None = Field(
        default=None, description="MLflow server; unset: an SQLite file in SENTIMENT_HOME."
    )
    mlflow_tracking_username: str | None = Field(
        default=None, description="User of the MLflow server; read by MLflow itself."
    )
    mlflow_tracking_password: SecretStr | None = Field(
        default=None, description="Password of that user; read by MLflow itself."
    )
    mlflow_tracking_token: SecretStr | None = Field(
        default=None, description="Token of the MLflow server; read by MLflow itself."
    )
    mlflow_experiment_name: str = Field(
        default=DEFAULT_MODEL_NAME, min_length=1, description="Experiment of the training runs."
    )
    model_name: str = Field(
        default=DEFAULT_MODEL_NAME, min_length=1, description="Registered model."
    )
    prefect_api_url: str | None = Field(
        default=None, description="Prefect server; unset: a temporary one for each run."
    )
    prefect_api_auth_string: SecretStr | None = Field(
        default=None, description="USER:PASSWORD of that server; read by Prefect itself."
    )
    prefect_home: Path | None = Field(
        default=None,
        description="Folder of Prefect's own state. [default: prefect in SENTIMENT_HOME]",
    )
    model_export_uri: str | None = Field(
        default=None,
        description="Where the champion is exported to, for consumers without MLflow: "
        "s3://bucket/prefix or a folder; unset: nowhere.",
    )
    sentiment_dask: str | None = Field(
        default=None,
        description="Dask scheduler whose workers fit models and label files, such as "
        "tcp://host:8786, or local: for what is too much for the memory. An address also serves "
        "the trials of tune and self-training. Unset: none.",
    )
    train_retry_delay_seconds: tuple[NonNegativeFloat, ...] = Field(
        default=(1, 2, 5, 10),
        max_length=50,  # Prefect takes no more
        description="Waits before the repetitions of a task whose server does not answer, as JSON: "
        "one repetition for each, none for [].",
    )
    revision: str = Field(
        default=UNKNOWN_REVISION,
        description="Commit of the code, where there is no git repository; images set it.",
    )
    promotion_wait_seconds: NonNegativeFloat = Field(
        default=PROMOTION_WAIT_SECONDS,
        description="How long a promotion, rollback, alias move or export waits for another one.",
    )

    retention_versions: PositiveInt = Field(
        default=20, description="How many of the newest versions and runs are kept at any age."
    )
    retention_days: PositiveFloat = Field(
        default=90,
        description="Days that older ones are kept, and that deleted ones can be restored.",
    )

    @model_validator(mode="after")
    def _check_home(self) -> Self:
        _ = self.tracking_uri
        return self

    @property
    def home(self) -> Path:
        """Absolute path of SENTIMENT_HOME."""
        return self.sentiment_home.absolute()

    @property
    def prefect_folder(self) -> Path:
        """Folder of Prefect's state: the database of temporary servers, and their log."""
        return self.prefect_home or self.home / "prefect"

    @property
    def tracking_uri(self) -> str:
        """The MLflow server, or the SQLite file in SENTIMENT_HOME."""
        return self.mlflow_tracking_uri or embedded_tracking_uri(self.home)

    @property
    def artifact_location(self) -> str | None:
        """Where a new experiment keeps artifacts; None leaves the choice to the server."""
        if not self.tracking_uri.startswith("sqlite:"):
            return None
        return (self.home / "artifacts").as_uri()

    @property
    def download_cache(self) -> Path:
        """Folder of finished and interrupted downloads."""
        return self.home / "downloads"
