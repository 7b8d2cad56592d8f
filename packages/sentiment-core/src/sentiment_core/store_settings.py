"""Which S3 store is used, and with which keys."""

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class StoreSettings(BaseSettings):
    """Each field is an environment variable; what is unset is found by boto3 in its own ways."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        ),
        description="Address of the S3 store; unset: AWS itself.",
    )
    aws_access_key_id: str | None = Field(default=None, description="Key of the S3 store.")
    aws_secret_access_key: SecretStr | None = Field(
        default=None, description="Secret of the key of the S3 store."
    )
    aws_session_token: SecretStr | None = Field(
        default=None, description="Session token of temporary keys."
    )
    aws_default_region: str | None = Field(default=None, description="Region of the S3 store.")
