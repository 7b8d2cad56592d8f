"""Whether each part of the local stack answers."""

from collections.abc import Callable
from typing import Final

from sentiment_cli.http_client import fetch, fetch_json
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import DATABASES, HOST, PASSWORDS_FILE
from sentiment_core.errors import NotReadyError, SentimentError

_TIMEOUT_SECONDS: Final = 3.0
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500


def check_part(settings: StackSettings, part: str) -> str | None:
    """Ask a part of the Procfile whether it can be used; return what is wrong with it, or None."""
    try:
        CHECKS[part](settings)
    except SentimentError as error:
        return str(error)
    return None


def _postgres(settings: StackSettings) -> None:
    from sentiment_cli.stack.database import connect

    if not (settings.folder / PASSWORDS_FILE).exists():
        raise NotReadyError("it was never started")
    for name in DATABASES:
        connect(settings, name, name).close()


def _store(settings: StackSettings) -> None:
    # Without keys it refuses, which is as it should be.
    _ask(f"http://{HOST}:{settings.s3_port}/", accepted_below=_SERVER_ERROR)


def _mlflow(settings: StackSettings) -> None:
    _ask(f"http://{HOST}:{settings.mlflow_port}/health")


def _prefect(settings: StackSettings) -> None:
    _ask(f"http://{HOST}:{settings.prefect_port}/api/health")


def _worker(settings: StackSettings) -> None:
    url = f"http://{HOST}:{settings.prefect_port}/api/work_pools/training"
    status = fetch_json(url, timeout_seconds=_TIMEOUT_SECONDS).get("status")
    if status != "READY":
        raise NotReadyError(f"the work pool is {status}")


def _api(settings: StackSettings) -> None:
    _ask(f"http://{HOST}:{settings.api_port}/livez")


def _ask(url: str, *, accepted_below: int = _CLIENT_ERROR) -> None:
    fetch(url, timeout_seconds=_TIMEOUT_SECONDS, accepted_below=accepted_below)


CHECKS: Final[dict[str, Callable[[StackSettings], None]]] = {
    "postgres": _postgres,
    "s3": _store,
    "mlflow": _mlflow,
    "prefect": _prefect,
    "worker": _worker,
    "api": _api,
}
"""By the names of the Procfile; each raises a `SentimentError` that says what is wrong."""
