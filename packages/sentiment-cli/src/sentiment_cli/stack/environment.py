"""What clients and servers of the local stack find in their environment."""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from sentiment_cli.buckets import BUCKETS
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.programs import Program
from sentiment_cli.stack.record import STORE_KEYS_FILE
from sentiment_core.atomic_files import write_atomically
from sentiment_core.errors import SettingsError
from sentiment_core.store_settings import StoreSettings
from sentiment_train.running.ports import LOOPBACK, free_port

HOST: Final = LOOPBACK
_REGION: Final = "us-east-1"  # the store asks for one, and for no other
PASSWORDS_FILE: Final = "passwords.json"

DATA_FOLDER: Final = "postgres"
"""Folder of the database in that of the state."""

DATABASES: Final = ("mlflow", "prefect")
"""Each has a user of its own with the same name."""


STORE_PORTS: Final = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
                      "filer.port", "filer.port.grpc", "s3.port.grpc")  # fmt: skip


def store_settings(settings: StackSettings) -> StoreSettings:
    """Say how the store of the stack is reached; this process's environment has no part in it."""
    return StoreSettings(
        endpoint=f"http://{HOST}:{settings.s3_port}",
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        aws_session_token=None,
        aws_default_region=_REGION,
    )


def client_environment(settings: StackSettings) -> dict[str, str]:
    """Return what a client needs to use the stack: all of it is configuration, not code."""
    return {
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{settings.mlflow_port}",
        "PREFECT_API_URL": f"http://{HOST}:{settings.prefect_port}/api",
        "MODEL_EXPORT_URI": "s3://models",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{HOST}:{settings.s3_port}",
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": _REGION,
    }


def server_environment(settings: StackSettings, store: Program) -> dict[str, str]:
    """Return the whole environment of the stack's own processes, this process's own included.

    `store` is the S3 store that is to run.
    """
    passwords = read_passwords(settings.folder)
    return {
        **os.environ,
        **client_environment(settings),
        **settings.as_environment(),
        # The programs beside this interpreter come first.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        "STACK_STORE_PORTS": " ".join(f"-{name}={free_port()}" for name in STORE_PORTS),
        "STACK_WEED": store.path,
        "DO_NOT_TRACK": "1",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKETS[0]}",
        "MLFLOW_BACKEND_STORE_URI": _database_url(settings, "psycopg2", "mlflow", passwords),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST}:*,localhost:*",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PREFECT_HOME": str(settings.folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": _database_url(
            settings, "asyncpg", "prefect", passwords
        ),
        "SENTIMENT_HOME": str(settings.folder / "home"),
    }


def read_passwords(folder: Path) -> dict[str, str]:
    """Read the passwords of the database's users; the first call makes them up.

    They are those of the superuser ``postgres`` and of one user for each database.

    Raises
    ------
    SettingsError
        If they are lost, and there is a database already that knows them.
    """
    path = folder / PASSWORDS_FILE
    users = {"postgres", *DATABASES}
    try:
        passwords = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(passwords, dict) and users <= passwords.keys():
            return passwords
        problem = "is damaged"
    except FileNotFoundError:
        problem = "is missing"
    except (ValueError, RecursionError):
        problem = "is damaged"
    if (folder / DATA_FOLDER / "PG_VERSION").exists():
        raise SettingsError(
            f"{path} {problem}, and the database there opens with its passwords alone: put the "
            "file back, or move the folder away and run `sentiment-cli stack restore` with a "
            "backup."
        )
    passwords = {user: secrets.token_urlsafe(24) for user in sorted(users)}
    write_atomically(path, json.dumps(passwords).encode(), mode=0o600)
    return passwords


def write_store_config(settings: StackSettings) -> None:
    """Write the store's users: without the file it would let everybody in."""
    (settings.folder / "s3").mkdir(parents=True, exist_ok=True)
    credentials = {
        "accessKey": settings.s3_access_key,
        "secretKey": settings.s3_secret_key.get_secret_value(),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "stack", "credentials": [credentials], "actions": actions}
    write_atomically(
        settings.folder / STORE_KEYS_FILE,
        json.dumps({"identities": [identity]}).encode(),
        mode=0o600,
    )


def _database_url(
    settings: StackSettings, driver: str, database: str, passwords: dict[str, str]
) -> str:
    password = passwords[database]
    return f"postgresql+{driver}://{database}:{password}@{HOST}:{settings.postgres_port}/{database}"
