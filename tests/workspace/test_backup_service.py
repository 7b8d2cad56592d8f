"""What the service that makes backups is given, as compose reads the files."""

import json
import os
import subprocess

import pytest

from sentiment_cli.backup.settings import DatabaseSettings
from tests.support import BIN, ROOT

SECRETS = {
    "POSTGRES_USER": "owner",
    "POSTGRES_PASSWORD": "one",  # pragma: allowlist secret
    "MINIO_ROOT_USER": "two",
    "MINIO_ROOT_PASSWORD": "three",  # pragma: allowlist secret
}


def services(file, **environment):
    result = subprocess.run(
        [BIN / "docker-compose", "-f", file, "--profile", "*", "config", "--format", "json"],
        cwd=ROOT, check=True, capture_output=True, text=True,
        env=os.environ | SECRETS | environment,
    )  # fmt: skip
    return json.loads(result.stdout)["services"]


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.prod.yml"])
def test_it_reaches_database_and_store_from_inside_and_writes_to_the_host(file, tmp_path):
    found = services(file, BACKUP_FOLDER=str(tmp_path))
    backup = found["backup"]
    assert backup["profiles"] == ["backup"]  # it starts when it is asked for
    assert backup["image"] == found["training"]["image"]
    assert "ports" not in backup
    assert "restart" not in backup
    for name in ("postgres", "minio", "seaweedfs"):
        assert set(backup["networks"]) & set(found[name]["networks"])
    environment = backup["environment"]
    name = "MLFLOW_S3_ENDPOINT_URL"
    assert environment[name] == found["training"]["environment"][name]
    settings = DatabaseSettings.model_validate(
        {name.lower(): value for name, value in environment.items()}
    )
    assert (settings.pghost, settings.pguser) == ("postgres", "owner")
    volumes = {volume["target"]: volume["source"] for volume in backup["volumes"]}
    assert volumes.pop(backup["working_dir"]) == str(tmp_path)
    if "prod" not in file:
        assert volumes == {}
        assert settings.pgpassword.get_secret_value() == "one"
        assert environment["AWS_SECRET_ACCESS_KEY"] == SECRETS["MINIO_ROOT_PASSWORD"]
        return
    assert volumes.get("/run/secrets") == "secrets-backup"
    assert len(volumes) == 1
    for secret in ("PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert secret not in environment
        assert environment[f"{secret}_FILE"].startswith("/run/secrets/")
    assert "ports" not in found["postgres"]
    assert "ports" not in found["minio"]


def test_its_image_has_the_programs():
    text = (ROOT / "services/Dockerfile").read_text().replace("\\\n", " ")
    syncs = [line for line in text.splitlines() if "--package sentiment-cli" in line]
    assert syncs
    assert all("--extra backup" in line for line in syncs)
