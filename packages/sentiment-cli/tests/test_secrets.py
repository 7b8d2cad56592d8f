"""Secrets of a production host: given, generated, kept, and readable for those who need them."""

import stat

import pytest
from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets, catalogue
from sentiment_cli.deployment.secret_files import ALL, prepare_secrets, read_secrets
from sentiment_core.errors import NotFoundError, SettingsError

GIVEN = {
    "POSTGRES_PASSWORD": "p@ss/w:rd%",  # pragma: allowlist secret
    "MINIO_ROOT_USER": "storekeeper",
    "MINIO_ROOT_PASSWORD": "st0re/secret",  # pragma: allowlist secret
}


def given(**changes):
    values = {name.lower(): SecretStr(value) for name, value in {**GIVEN, **changes}.items()}
    return DeploymentSecrets.model_validate(values)


def files_of(folder):
    return {
        (path.parent.name, path.name): path.read_text()
        for path in folder.glob("*/*")
    }  # fmt: skip


def test_each_service_has_what_it_reads_and_nothing_else(tmp_path):
    prepare_secrets(tmp_path, given())
    expected = {(ALL, secret.name) for secret in catalogue()}
    expected |= {(service, secret.name.lower()) for secret in catalogue()
                 for service in secret.services}  # fmt: skip
    files = files_of(tmp_path)
    assert set(files) == expected
    for (service, name), value in files.items():
        assert value == files[ALL, name.upper()], (service, name)
        assert value.strip() == value
        assert len(value) >= 3
    for path in tmp_path.glob("*/*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o500


def test_generated_secrets_differ_and_stay(tmp_path):
    first = {item.name: item.origin for item in prepare_secrets(tmp_path, given())}
    before = files_of(tmp_path)
    again = prepare_secrets(tmp_path, DeploymentSecrets())
    assert {item.origin for item in again} == {"kept"}
    assert files_of(tmp_path) == before
    values = read_secrets(tmp_path)
    assert len(set(values.values())) == len(values) == len(catalogue())
    assert {name for name, origin in first.items() if origin == "given"} == set(GIVEN)


def test_a_given_secret_replaces_a_generated_one(tmp_path):
    prepare_secrets(tmp_path, given())
    prepare_secrets(tmp_path, given(ADMIN_TOKEN="chosen"))
    assert read_secrets(tmp_path)["ADMIN_TOKEN"] == "chosen"
    assert (tmp_path / "fastapi/admin_token").read_text() == "chosen"


def test_a_service_loses_what_it_reads_no_more(tmp_path):
    prepare_secrets(tmp_path, given())
    folder = tmp_path / "fastapi"
    folder.chmod(0o700)
    for name in ("postgres_password", ".part-0123"):
        (folder / name).write_text("of an older version")
    prepare_secrets(tmp_path, given())
    assert {path.name for path in folder.iterdir()} == {"admin_token", "mlflow_api_password"}


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_is_written_where_a_password_was_never_given(tmp_path, name):
    lacking = given().model_copy(update={name.lower(): None})
    with pytest.raises(SettingsError, match=f"Set {name} or {name}_FILE"):
        prepare_secrets(tmp_path, lacking)
    assert files_of(tmp_path) == {}


def test_nothing_to_show(tmp_path):
    with pytest.raises(NotFoundError, match="holds no secrets"):
        read_secrets(tmp_path)


def test_the_commands(cli, tmp_path, monkeypatch):
    secret = tmp_path / "postgres"
    secret.write_text("from a file\n")
    secret.chmod(0o600)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POSTGRES_PASSWORD")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(secret))
    folder = tmp_path / "secrets"
    text = cli("secrets", "init", "--folder", folder).stdout
    values = cli("secrets", "show", "--json", "--folder", folder)
    assert values["POSTGRES_PASSWORD"] == "from a file"  # pragma: allowlist secret
    assert not [value for value in values.values() if value in text]
    shown = cli("secrets", "show", "operator_password", "--folder", folder).stdout
    assert shown == f"{values['OPERATOR_PASSWORD']}\n"
    assert (
        f"ADMIN_TOKEN={values['ADMIN_TOKEN']}\n"
        in cli("secrets", "show", "--folder", folder).stdout
    )
    cli("secrets", "show", "nothing", "--folder", folder, exit_code=1)
