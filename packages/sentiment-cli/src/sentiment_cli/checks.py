"""The checks behind `doctor`."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import httpx

from sentiment_core.dataset import load_dataset
from sentiment_core.errors import SentimentError
from sentiment_core.params import load_params
from sentiment_core.registry_names import CHAMPION
from sentiment_train.settings import TrainSettings

_TIMEOUT_SECONDS: Final = 5.0
Status = Literal["ok", "note", "failed"]


@dataclass(frozen=True)
class CheckResult:
    """One line of the report."""

    name: str
    status: Status
    detail: str
    advice: str | None = None


def run_checks(settings: TrainSettings, params_path: Path) -> list[CheckResult]:
    """Run all checks, also after one failed.

    Parameters
    ----------
    settings : TrainSettings
        The deployment settings.
    params_path : Path
        Parameter file.

    Returns
    -------
    list of CheckResult
        In the order in which a user would look.
    """
    checks: list[Callable[[], CheckResult]] = [
        lambda: _home(settings),
        lambda: _params(params_path),
        lambda: _data(params_path),
        lambda: _tracking(settings),
        lambda: _store(),
        lambda: _prefect(settings),
        lambda: _champion(settings),
    ]
    return [*(check() for check in checks), *_local_stack()]


def _home(settings: TrainSettings) -> CheckResult:
    if os.access(settings.home, os.W_OK):
        return CheckResult("state folder", "ok", str(settings.home))
    advice = "Set SENTIMENT_HOME to a folder that you may write to."
    return CheckResult("state folder", "failed", f"{settings.home} is not writable", advice)


def _params(path: Path) -> CheckResult:
    try:
        load_params(path)
    except SentimentError as error:
        return CheckResult("parameters", "failed", str(error))
    return CheckResult("parameters", "ok", f"{path} is valid")


def _data(params_path: Path) -> CheckResult:
    try:
        path = Path(load_params(params_path).data.path)
        if not path.exists():
            advice = "`sentiment-cli train` makes it, and so does `sentiment-cli prepare-data`."
            return CheckResult("data", "note", f"{path} is not there yet", advice)
        frame = load_dataset(path)
    except SentimentError as error:
        return CheckResult("data", "failed", str(error))
    return CheckResult("data", "ok", f"{path} has {len(frame):,} reviews")


def _tracking(settings: TrainSettings) -> CheckResult:
    uri = settings.tracking_uri
    if uri.startswith("http"):
        # Not /health: it moves with the server's prefix, and knows nothing of the database.
        query = f"{uri}/api/2.0/mlflow/registered-models/search?max_results=1"
        return _answers("MLflow", query, "MLFLOW_TRACKING_URI")
    return CheckResult("MLflow", "ok", f"embedded, {uri}")


def _store() -> CheckResult:
    from botocore.exceptions import BotoCoreError, ClientError

    from sentiment_cli.storage import BUCKETS
    from sentiment_core.object_store import s3_client, s3_endpoint

    endpoint = s3_endpoint()
    if not endpoint:
        return CheckResult("artifact store", "ok", "no S3 endpoint is set: the tracking server's")
    try:
        found = {bucket["Name"] for bucket in s3_client().list_buckets()["Buckets"]}
    except (BotoCoreError, ClientError) as error:
        advice = "Start the store, or correct MLFLOW_S3_ENDPOINT_URL and the AWS_* keys."
        return CheckResult("artifact store", "failed", f"{endpoint}: {error}", advice)
    missing = [bucket for bucket in BUCKETS if bucket not in found]
    if missing:
        detail = f"{endpoint} has no bucket {', '.join(missing)}"
        return CheckResult("artifact store", "failed", detail, "Run `sentiment-cli init-storage`.")
    return CheckResult("artifact store", "ok", f"{endpoint}, all buckets are there")


def _local_stack() -> list[CheckResult]:
    """Look at the parts that no client talks to, where the local stack runs."""
    from sentiment_cli.settings import StackSettings
    from sentiment_cli.stack.supervisor import log_file, running_pid

    settings = StackSettings()
    if running_pid(settings) is None:
        return []
    from sentiment_cli.stack.health import check_part

    results = []
    for part in ("postgres", "worker", "api"):
        problem = check_part(settings, part)
        name = f"stack: {part}"
        if problem is None:
            results.append(CheckResult(name, "ok", "answers"))
        else:
            results.append(CheckResult(name, "failed", problem, f"See {log_file(settings)}."))
    return results


def _prefect(settings: TrainSettings) -> CheckResult:
    if settings.prefect_api_url is None:
        return CheckResult("Prefect", "ok", "embedded, a temporary server for each run")
    return _answers("Prefect", f"{settings.prefect_api_url}/health", "PREFECT_API_URL")


def _answers(name: str, url: str, variable: str) -> CheckResult:
    advice = f"Start it, or correct {variable}."
    try:
        response = httpx.get(url, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return CheckResult(name, "failed", f"{url}: {error}", advice)
    if response.is_error:
        return CheckResult(name, "failed", f"{url} answers {response.status_code}", advice)
    return CheckResult(name, "ok", url.partition("/api/")[0])


def _champion(settings: TrainSettings) -> CheckResult:
    from sentiment_train.registry import Registry

    name = f"{settings.model_name}@{CHAMPION}"
    try:
        registry = Registry(settings.model_name)
        version = registry.champion()
        if version is None:
            advice = "Train one: `sentiment-cli train --champion`."
            return CheckResult("champion", "note", f"there is no {name} yet", advice)
        registry.load(version)
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the finding
        detail = (str(error) or type(error).__name__).splitlines()[0]
        return CheckResult("champion", "failed", f"{name}: {detail}")
    return CheckResult("champion", "ok", f"{name} is version {version}, and its model is sound")
