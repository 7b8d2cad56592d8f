"""Whether each part of the local stack answers."""

from collections.abc import Callable
from typing import Final

import httpx

from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import DATABASES, HOST, PASSWORDS_FILE

_TIMEOUT_SECONDS: Final = 3.0
_SERVER_ERROR: Final = 500


def check_part(settings: StackSettings, part: str) -> str | None:
    """Ask a part whether it can be used.

    Parameters
    ----------
    settings : StackSettings
        Ports.
    part : str
        A name of the Procfile.

    Returns
    -------
    str or None
        What is wrong with it; None if nothing is.
    """
    return CHECKS[part](settings)


def _postgres(settings: StackSettings) -> str | None:
    import psycopg2

    from sentiment_cli.stack.postgres import connect

    if not (settings.folder / PASSWORDS_FILE).exists():
        return "it was never started"
    try:
        for name in DATABASES:
            connect(settings, name, name).close()
    except psycopg2.OperationalError as error:
        return str(error).strip().splitlines()[0]
    return None


def _store(settings: StackSettings) -> str | None:
    # Without keys it refuses, which is as it should be.
    return _http(f"http://{HOST}:{settings.s3_port}/", allowed=_SERVER_ERROR)


def _mlflow(settings: StackSettings) -> str | None:
    return _http(f"http://{HOST}:{settings.mlflow_port}/health")


def _prefect(settings: StackSettings) -> str | None:
    return _http(f"http://{HOST}:{settings.prefect_port}/api/health")


def _worker(settings: StackSettings) -> str | None:
    url = f"http://{HOST}:{settings.prefect_port}/api/work_pools/training"
    try:
        pool = httpx.get(url, timeout=_TIMEOUT_SECONDS).raise_for_status().json()
    except httpx.HTTPError as error:
        return str(error)
    return None if pool["status"] == "READY" else f"the work pool is {pool['status']}"


def _api(settings: StackSettings) -> str | None:
    return _http(f"http://{HOST}:{settings.api_port}/livez")


def _http(url: str, *, allowed: int = 400) -> str | None:
    try:
        status = httpx.get(url, timeout=_TIMEOUT_SECONDS).status_code
    except httpx.HTTPError as error:
        return f"{url}: {error or type(error).__name__}"
    return None if status < allowed else f"{url} answers {status}"


CHECKS: Final[dict[str, Callable[[StackSettings], str | None]]] = {
    "postgres": _postgres,
    "s3": _store,
    "mlflow": _mlflow,
    "prefect": _prefect,
    "worker": _worker,
    "api": _api,
}
"""By the names of the Procfile."""
