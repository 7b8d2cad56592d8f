"""Deployment settings of the API, read from the environment."""

import hashlib
import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentiment_core.champion_pointer import POINTER_FILE
from sentiment_core.environment import load_environment
from sentiment_core.registry_names import (
    CHALLENGER,
    CHAMPION,
    DEFAULT_HOME,
    DEFAULT_MODEL_NAME,
    embedded_tracking_uri,
)
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store

_REGISTERED: Final = re.compile(rf"models:/(?P<name>[^/@]+)@{CHAMPION}")
_BUCKET: Final = re.compile(r"s3://[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}(/|$)")
_POINTER_SCHEMES: Final = ("s3://", "file://", "http://", "https://")


class ServeSettings(BaseSettings):
    """Each field is the environment variable of that name, in capitals."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that answer requests.")
    sentiment_home: Path = Field(default=DEFAULT_HOME, description="Folder of all local state.")
    mlflow_tracking_uri: str | None = Field(
        default=None, description="Registry server; unset: an SQLite file in SENTIMENT_HOME."
    )
    mlflow_tracking_username: str | None = Field(
        default=None, description="User of the registry server."
    )
    mlflow_tracking_password: SecretStr | None = Field(
        default=None, description="Password of that user."
    )
    mlflow_tracking_token: SecretStr | None = Field(
        default=None, description="Token instead of a user and password."
    )
    model_name: str = Field(
        default=DEFAULT_MODEL_NAME, min_length=1, description="Registered model."
    )
    model_source: str | None = Field(
        default=None,
        description="Where the champion comes from: models:/NAME@champion, or a folder with a "
        "champion.json (s3://, file://, https://). [default: models:/MODEL_NAME@champion]",
    )
    model_reload_interval: float = Field(
        default=60, ge=0, description="Seconds between checks of the alias; 0: only at the start."
    )
    model_cache_dir: Path | None = Field(
        default=None, description="Folder of fetched models. [default: SENTIMENT_HOME/models]"
    )
    challenger_mode: Literal["off", "shadow", "split"] = Field(
        default="off", description="shadow: score beside the champion; split: answer a share."
    )
    challenger_percent: float = Field(
        default=10, ge=0, le=100, description="Share of the requests for the challenger."
    )
    prediction_log: Literal["off", "file", "s3"] = Field(
        default="off", description="Where predictions are recorded."
    )
    prediction_log_path: str | None = Field(
        default=None, description="Folder, or s3://bucket/prefix. [default: SENTIMENT_HOME/log]"
    )
    prediction_log_text: bool = Field(
        default=False, description="Record the texts themselves instead of a keyed hash."
    )
    prediction_log_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the hash that stands for a text."
    )
    prediction_log_max_bytes: int = Field(
        default=1 << 30, ge=16 << 20, description="Bytes of its files, of all workers together."
    )
    prediction_log_interval: float = Field(
        default=10, gt=0, description="Seconds that a record is in memory alone at most."
    )
    prediction_log_timeout: float = Field(
        default=5, ge=0, description="Seconds at the end in which waiting records are written."
    )
    admin_token: SecretStr | None = Field(
        default=None, description="Bearer token of /admin; unset: loopback clients only."
    )
    admin_open: bool = Field(
        default=False,
        description="Without a token, let /admin answer everybody: where the port itself is "
        "published on the loopback alone.",
    )
    api_keys_file: Path | None = Field(
        default=None, description="Keys of the clients, see `new-key`; unset: nobody needs one."
    )
    rate_limit: str | None = Field(
        default=None,
        description="Such as 50/second, for each key or address and each worker; unset: no limit.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret of MLflow's alias webhook; unset: no webhook."
    )
    max_text_length: int = Field(default=20_000, ge=1, description="Characters of one text.")
    max_batch_size: int = Field(default=256, ge=1, description="Texts of one batch.")
    max_body_bytes: int = Field(default=1 << 20, ge=1024, description="Bytes of one request.")
    body_timeout: float = Field(
        default=30, gt=0, description="Seconds in which the body of a request arrives."
    )
    cors_origins: list[str] = Field(
        default=[], description="Origins whose pages may call the API, as a JSON list."
    )
    access_log: bool = Field(default=True, description="Log each request.")
    drain_seconds: float = Field(
        default=1, ge=0, description="Seconds after SIGTERM in which clients are sent away."
    )
    shutdown_timeout: int = Field(default=30, ge=1, description="Seconds to finish requests.")

    @model_validator(mode="after")
    def _check_model_source(self) -> Self:
        source = self.model_source or ""
        if source.startswith("models:") and not _REGISTERED.fullmatch(source):
            raise ValueError(f"MODEL_SOURCE={source} is not of the form models:/NAME@{CHAMPION}")
        if source and not source.startswith(("models:", *_POINTER_SCHEMES)):
            raise ValueError(
                f"MODEL_SOURCE={source} starts with none of models:, {', '.join(_POINTER_SCHEMES)}"
            )
        if self.pointer_folder and self.challenger_mode != "off":
            raise ValueError("CHALLENGER_MODE needs a registry: a pointer names a champion only")
        return self

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, value: str | None) -> str | None:
        from limits import parse

        if value is not None:
            try:
                parse(value)
            except ValueError as error:
                raise ValueError(f"{value} is no limit such as 50/second or 1000/hour") from error
        return value

    @model_validator(mode="after")
    def _check_home(self) -> Self:
        _ = self.tracking_uri
        return self

    @model_validator(mode="after")
    def _check_prediction_log(self) -> Self:
        to_s3 = (self.prediction_log_path or "").startswith("s3://")
        if (self.prediction_log == "s3") != to_s3 and self.prediction_log != "off":
            raise ValueError(
                "PREDICTION_LOG=s3 needs PREDICTION_LOG_PATH=s3://bucket/prefix, and only it does"
            )
        if self.prediction_log == "s3" and not _BUCKET.match(self.prediction_log_path or ""):
            raise ValueError(f"PREDICTION_LOG_PATH={self.prediction_log_path} names no bucket")
        return self

    @property
    def home(self) -> Path:
        """Absolute path of SENTIMENT_HOME."""
        return self.sentiment_home.absolute()

    @property
    def tracking_uri(self) -> str:
        """The registry server, or the SQLite file in SENTIMENT_HOME."""
        return self.mlflow_tracking_uri or embedded_tracking_uri(self.home)

    @property
    def registered_model(self) -> str:
        """Name of the registered model to follow."""
        match = _REGISTERED.fullmatch(self.model_source or "")
        return match["name"] if match else self.model_name

    @property
    def pointer_folder(self) -> str | None:
        """Address of the folder of ``champion.json``; None if a registry is followed."""
        source = (self.model_source or "").removesuffix(POINTER_FILE).rstrip("/")
        return source if source.startswith(_POINTER_SCHEMES) else None

    @property
    def cache_dir(self) -> Path:
        """Folder of fetched models; each source and model has its own."""
        root = self.model_cache_dir or self.home / "models"
        source = self.pointer_folder or self.tracking_uri
        digest = hashlib.sha256(source.encode()).hexdigest()[:12]
        return root / f"{self.registered_model}-{digest}"

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases to follow."""
        return (CHAMPION,) if self.challenger_mode == "off" else (CHAMPION, CHALLENGER)


def load_settings() -> tuple[ServeSettings, StoreSettings]:
    """Complete the environment and read all settings; for entry points.

    Raises
    ------
    SettingsError
        If ``.env`` or the file of a secret cannot be read.
    pydantic.ValidationError
        If a setting is wrong.
    """
    load_environment(ServeSettings, StoreSettings)
    return ServeSettings(), StoreSettings()


def check_log_address(settings: ServeSettings, stores: StoreSettings) -> None:
    """Find out before anything is served whether the log's store can be asked at all.

    Raises
    ------
    SettingsError, DeniedError
        If the endpoint is no address, or the keys are not complete. A store that is away, and a
        bucket that is missing, are no errors of the start: records wait for them.
    """
    if settings.prediction_log == "s3":
        open_store(str(settings.prediction_log_path), stores)
