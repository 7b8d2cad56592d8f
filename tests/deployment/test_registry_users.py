"""Users of an MLflow server that asks who is there."""

import httpx
import pytest
from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets
from sentiment_cli.deployment.registry_users import make_registry_users
from sentiment_core.errors import DeniedError, SettingsError, UnreachableError
from tests.support import free_port, mlflow_server

SECRETS = DeploymentSecrets(
    mlflow_admin_password=SecretStr("p%ssword of the administrator"),
    mlflow_training_password=SecretStr("password of training"),
    mlflow_api_password=SecretStr("password of the API"),
)
USERS = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
MODELS = "/api/2.0/mlflow/registered-models"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "users.ini").write_text(USERS.format(folder=folder))
    with mlflow_server(
        folder, None, "--app-name", "basic-auth",
        MLFLOW_AUTH_CONFIG_PATH=str(folder / "users.ini"),
        MLFLOW_AUTH_ADMIN_PASSWORD=SECRETS.mlflow_admin_password.get_secret_value(),
        MLFLOW_FLASK_SERVER_SECRET_KEY="any",  # pragma: allowlist secret
    ) as process:  # fmt: skip
        yield process.url


def test_training_writes_and_the_api_reads_whoever_made_it(server):
    admin = ("admin", SECRETS.mlflow_admin_password.get_secret_value())
    training = ("training", SECRETS.mlflow_training_password.get_secret_value())
    api = ("api", SECRETS.mlflow_api_password.get_secret_value())
    # Before there were users.
    made = httpx.post(f"{server}{MODELS}/create", json={"name": "older"}, auth=admin)
    assert made.is_success

    users = make_registry_users(server, SECRETS)
    assert [(user.name, user.access, user.created) for user in users] == [
        ("training", "write", True), ("api", "read", True),
    ]  # fmt: skip
    tag = {"name": "older", "key": "k", "value": "v"}
    for user, expected in ((training, 200), (api, 403), (None, 401), (("api", "guess"), 401)):
        answer = httpx.post(f"{server}{MODELS}/set-tag", json=tag, auth=user)
        assert answer.status_code == expected, (user, answer.text)
    assert httpx.get(f"{server}{MODELS}/get", params={"name": "older"}, auth=api).is_success

    # Again, and with another password: the old one is none any more.
    changed = SECRETS.model_copy(update={"mlflow_api_password": SecretStr("another password")})
    assert [user.created for user in make_registry_users(server, changed)] == [False, False]
    for user, expected in ((api, 401), (("api", "another password"), 200)):
        answer = httpx.get(f"{server}{MODELS}/get", params={"name": "older"}, auth=user)
        assert answer.status_code == expected


def test_what_is_missing_or_wrong_is_told(server):
    with pytest.raises(SettingsError, match="MLFLOW_API_PASSWORD"):
        make_registry_users(server, SECRETS.model_copy(update={"mlflow_api_password": None}))
    stranger = SECRETS.model_copy(update={"mlflow_admin_password": SecretStr("a guess")})
    with pytest.raises(DeniedError, match="401"):
        make_registry_users(server, stranger)
    short = SECRETS.model_copy(update={"mlflow_api_password": SecretStr("x")})
    with pytest.raises(SettingsError, match="12 characters"):
        make_registry_users(server, short)
    with pytest.raises(UnreachableError):
        make_registry_users(f"http://127.0.0.1:{free_port()}", SECRETS)
