"""Users of MLflow's own authentication: the training container writes, the API only reads.

MLflow gives a user what he creates himself, and to all others the permission that the server's
configuration names (READ). Its REST API is
https://mlflow.org/docs/latest/api_reference/auth/rest-api.html.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets
from sentiment_cli.http_client import basic_authorization, fetch, json_object
from sentiment_core.errors import ConflictError, SettingsError

ADMIN: Final = "admin"
TRAINING: Final = "training"
API: Final = "api"

_ROLE: Final = "sentiment-training"
_GRANTS: Final = ("experiment", "registered_model")
_WORKSPACE: Final = "default"
_TIMEOUT_SECONDS: Final = 30.0
_BAD_REQUEST: Final = 400
_EXISTS: Final = "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class RegistryUser:
    """A user that is there now.

    Attributes
    ----------
    name : str
        As MLflow knows him.
    access : {"read", "write"}
        What he may do.
    created : bool
        False if he was there: then his password was set anew.
    """

    name: str
    access: Literal["read", "write"]
    created: bool


def make_registry_users(tracking_uri: str, secrets: DeploymentSecrets) -> list[RegistryUser]:
    """Make the users `TRAINING` and `API`, with the passwords that are given; can be repeated.

    Parameters
    ----------
    tracking_uri : str
        Address of an MLflow server that authenticates its users.
    secrets : DeploymentSecrets
        The administrator's password, and those of the two.

    Raises
    ------
    SettingsError
        If a password is missing.
    DeniedError
        If the server refuses the administrator.
    SentimentError
        If it does not answer, or refuses a password.
    """
    server = _Server(tracking_uri, _given(secrets.mlflow_admin_password, "MLFLOW_ADMIN_PASSWORD"))
    training = _given(secrets.mlflow_training_password, "MLFLOW_TRAINING_PASSWORD")
    api = _given(secrets.mlflow_api_password, "MLFLOW_API_PASSWORD")
    users = [
        RegistryUser(TRAINING, "write", server.make_user(TRAINING, training)),
        RegistryUser(API, "read", server.make_user(API, api)),
    ]
    server.let_write(TRAINING)
    return users


class _Server:
    def __init__(self, tracking_uri: str, password: SecretStr) -> None:
        self._uri = tracking_uri.rstrip("/")
        self._headers = basic_authorization(f"{ADMIN}:{password.get_secret_value()}")

    def make_user(self, name: str, password: SecretStr) -> bool:
        content = {"username": name, "password": password.get_secret_value()}
        try:
            self._ask("POST", "2.0/mlflow/users/create", content)
        except ConflictError:
            self._ask("PATCH", "2.0/mlflow/users/update-password", content)
            return False
        return True

    def let_write(self, name: str) -> None:
        """Let a user change what others have made: what was there before he was."""
        role = self._role()
        granted = self._get("roles/permissions/list", role_id=str(role))["role_permissions"]
        for kind in _GRANTS:
            if kind not in {grant["resource_type"] for grant in granted}:
                self._ask("POST", "3.0/mlflow/roles/permissions/add", {
                    "role_id": role, "resource_type": kind, "resource_pattern": "*",
                    "permission": "MANAGE",
                })  # fmt: skip
        roles = self._get("users/roles/list", username=name)["roles"]
        if role not in {found["id"] for found in roles}:
            self._ask("POST", "3.0/mlflow/roles/assign", {"username": name, "role_id": role})

    def _role(self) -> int:
        for role in self._get("roles/list", workspace=_WORKSPACE)["roles"]:
            if role["name"] == _ROLE:
                return int(role["id"])
        made = self._ask(
            "POST", "3.0/mlflow/roles/create", {"workspace": _WORKSPACE, "name": _ROLE}
        )
        return int(made["role"]["id"])

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        url = f"{self._uri}/api/3.0/mlflow/{path}"
        response = fetch(
            url, parameters=parameters, headers=self._headers, timeout_seconds=_TIMEOUT_SECONDS
        )
        return json_object(response)

    def _ask(self, method: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """Change something; ConflictError if it is there already."""
        response = fetch(
            f"{self._uri}/api/{path}", method=method, content=content, headers=self._headers,
            timeout_seconds=_TIMEOUT_SECONDS, accepted_below=_BAD_REQUEST + 1,
        )  # fmt: skip
        if response.status_code == _BAD_REQUEST:
            answer = json_object(response)
            problem = ConflictError if answer.get("error_code") == _EXISTS else SettingsError
            raise problem(f"{response.url} answers: {answer.get('message', 'bad request')}")
        return json_object(response) if response.text.strip() else {}


def _given(value: SecretStr | None, name: str) -> SecretStr:
    if value is None:
        raise SettingsError(f"Set {name} or {name}_FILE.")
    return value
