"""Which database server a backup is of."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """The database server of `backup`; the variables are those of PostgreSQL's own programs."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    pghost: str | None = Field(default=None, description="Address of PostgreSQL, for backups.")
    pgport: int = Field(default=5432, ge=1, le=65535, description="Its port.")
    pguser: str = Field(default="postgres", description="A user that may do everything.")
    pgpassword: SecretStr = Field(default=SecretStr(""), description="The user's password.")
