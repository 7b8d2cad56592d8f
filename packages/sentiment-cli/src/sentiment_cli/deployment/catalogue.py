"""Which secrets a production deployment has, and which container reads which."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFECT_USER: Final = "sentiment"
"""What stands before the colon in a generated ``PREFECT_API_AUTH_STRING``."""


@dataclass(frozen=True)
class ReadBy:
    """The services, by their names in the compose file, whose container holds a secret."""

    services: tuple[str, ...]

    def __init__(self, *services: str) -> None:
        object.__setattr__(self, "services", services)


@dataclass(frozen=True)
class Generated:
    """A secret that is made where none is given."""

    prefix: str = ""


class DeploymentSecrets(BaseSettings):
    """All secrets: each may be given by a variable of its name, or by a file (``NAME_FILE``)."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    postgres_password: Annotated[
        SecretStr | None, ReadBy("postgres", "init-databases", "backup")
    ] = Field(default=None, description="The superuser of PostgreSQL.")
    mlflow_db_password: Annotated[
        SecretStr | None, ReadBy("init-databases", "mlflow"), Generated()
    ] = Field(default=None, description="MLflow's role in PostgreSQL.")
    prefect_db_password: Annotated[
        SecretStr | None, ReadBy("init-databases", "prefect-server"), Generated()
    ] = Field(default=None, description="Prefect's role in PostgreSQL.")
    minio_root_user: Annotated[
        SecretStr | None, ReadBy("minio", "seaweedfs", "init-storage", "backup")
    ] = Field(default=None, description="The store's administrator, three characters or more.")
    minio_root_password: Annotated[
        SecretStr | None, ReadBy("minio", "seaweedfs", "init-storage", "backup")
    ] = Field(default=None, description="Its password, eight characters or more.")
    mlflow_store_secret: Annotated[
        SecretStr | None, ReadBy("init-storage", "seaweedfs", "mlflow"), Generated()
    ] = Field(default=None, description="MLflow's key of the store.")
    training_store_secret: Annotated[
        SecretStr | None, ReadBy("init-storage", "seaweedfs", "training"), Generated()
    ] = Field(default=None, description="The training container's key of the store.")
    mlflow_admin_password: Annotated[
        SecretStr | None, ReadBy("mlflow", "init-registry", "nginx"), Generated()
    ] = Field(default=None, description="MLflow's administrator.")
    mlflow_training_password: Annotated[
        SecretStr | None, ReadBy("init-registry", "training"), Generated()
    ] = Field(default=None, description="The training container, in MLflow.")
    mlflow_api_password: Annotated[
        SecretStr | None, ReadBy("init-registry", "fastapi"), Generated()
    ] = Field(default=None, description="The API in MLflow, where it can only read.")
    mlflow_session_key: Annotated[SecretStr | None, ReadBy("mlflow"), Generated()] = Field(
        default=None, description="Signs the forms of MLflow's pages."
    )
    prefect_api_auth_string: Annotated[
        SecretStr | None,
        ReadBy("prefect-server", "training", "nginx"),
        Generated(prefix=f"{PREFECT_USER}:"),
    ] = Field(default=None, description="USER:PASSWORD of Prefect's API.")
    admin_token: Annotated[SecretStr | None, ReadBy("fastapi"), Generated()] = Field(
        default=None, description="Bearer token of the API's /admin."
    )
    operator_password: Annotated[SecretStr | None, ReadBy("nginx"), Generated()] = Field(
        default=None, description="The user `operator` of nginx, for all pages but the API's."
    )


@dataclass(frozen=True)
class Secret:
    """One secret.

    Attributes
    ----------
    name : str
        The variable that gives it.
    description : str
        What it opens.
    services : tuple of str
        Who reads it.
    generated : Generated or None
        How it is made; None if it must be given.
    """

    name: str
    description: str
    services: tuple[str, ...]
    generated: Generated | None


def catalogue() -> list[Secret]:
    """List the secrets, as `DeploymentSecrets` describes them."""
    found = []
    for name, field in DeploymentSecrets.model_fields.items():
        notes = {type(note): note for note in field.metadata}
        found.append(
            Secret(
                name=name.upper(),
                description=field.description or "",
                services=notes[ReadBy].services,
                generated=notes.get(Generated),
            )
        )
    return found
