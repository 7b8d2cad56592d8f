"""Whether the local stack has a champion: asked over HTTP, without MLflow's slow import."""

from typing import Final

from sentiment_cli.http_client import fetch, json_object
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import HOST
from sentiment_core.errors import InputError, NotFoundError, RefusedError, UnreachableError
from sentiment_core.registry_names import CHAMPION

_TIMEOUT_SECONDS: Final = 10.0


def find_champion(settings: StackSettings, model_name: str) -> str | None:
    """Ask the running stack's registry for the champion's version; None if there is none.

    Raises
    ------
    SentimentError
        If MLflow does not answer, or not as it should.
    """
    url = f"http://{HOST}:{settings.mlflow_port}/api/2.0/mlflow/registered-models/alias"
    try:
        response = fetch(
            url, parameters={"name": model_name, "alias": CHAMPION},
            timeout_seconds=_TIMEOUT_SECONDS,
        )  # fmt: skip
    except (NotFoundError, InputError):
        return None  # an unknown alias of a known model is a wrong parameter, for MLflow
    except UnreachableError as error:
        raise UnreachableError(f"MLflow of the stack does not answer: {error}.") from error
    try:
        return str(json_object(response)["model_version"]["version"])
    except (KeyError, TypeError) as error:
        raise RefusedError(f"{url} does not answer as MLflow does.") from error
