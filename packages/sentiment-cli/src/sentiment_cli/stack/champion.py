"""Whether the local stack has a champion: asked over HTTP, without MLflow's slow import."""

from typing import Final

import httpx

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import HOST
from sentiment_core.errors import UnreachableError
from sentiment_core.registry_names import CHAMPION
from sentiment_train.settings import TrainSettings

_TIMEOUT_SECONDS: Final = 10.0


def find_champion(settings: StackSettings) -> tuple[str, str | None]:
    """Ask the running stack's registry for the champion.

    Parameters
    ----------
    settings : StackSettings
        Ports.

    Returns
    -------
    name : str
        The registered model that commands use here.
    version : str or None
        None if it has no champion.

    Raises
    ------
    UnreachableError
        If MLflow does not answer.
    """
    name = TrainSettings(_env_file=".env").model_name
    url = f"http://{HOST}:{settings.mlflow_port}/api/2.0/mlflow/registered-models/alias"
    try:
        response = httpx.get(
            url, params={"name": name, "alias": CHAMPION}, timeout=_TIMEOUT_SECONDS
        )
        # An unknown alias of a known model is a wrong parameter, for MLflow.
        if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
            return name, None
        version: str = response.raise_for_status().json()["model_version"]["version"]
    except httpx.HTTPError as error:
        raise UnreachableError(f"MLflow of the stack does not answer: {error}.") from error
    return name, version
