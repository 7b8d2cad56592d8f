"""The checks behind `doctor`."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sentiment_cli.http_client import basic_authorization, fetch
from sentiment_core.errors import DeniedError, SentimentError, UnreachableError
from sentiment_core.params import load_params
from sentiment_core.registry_names import CHAMPION
from sentiment_train.data.dataset import load_dataset
from sentiment_train.settings import TrainSettings

if TYPE_CHECKING:
    from sentiment_cli.settings import StackSettings
    from sentiment_core.store_settings import StoreSettings

_TIMEOUT_SECONDS: Final = 5.0
Status = Literal["ok", "note", "failed"]


@dataclass(frozen=True)
class CheckResult:
    """One line of the report."""

    name: str
    status: Status
    detail: str
    advice: str | None = None


def run_checks(
    settings: TrainSettings, store: "StoreSettings", params_path: Path
) -> list[CheckResult]:
    """Run all checks, also after one failed, in the order in which a user would look."""
    checks: list[Callable[[], CheckResult]] = [
        lambda: _home(settings),
        lambda: _params(params_path),
        lambda: _data(params_path),
        lambda: _tracking(settings),
        lambda: _store(store),
        lambda: _prefect(settings),
        lambda: _champion(settings),
    ]
    if settings.model_export_uri:
        checks.append(lambda: _export(settings, store))
    return [*(check() for check in checks), *_local_stack()]


def _home(settings: TrainSettings) -> CheckResult:
    # What is not there yet is made in the nearest folder that is.
    folders = (settings.home, *settings.home.parents)
    nearest = next(folder for folder in folders if folder.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        made = "" if nearest == settings.home else ", made when it is needed"
        return CheckResult("state folder", "ok", f"{settings.home}{made}")
    advice = "Set SENTIMENT_HOME to a folder that you may write to."
    detail = f"{settings.home} cannot be written to"
    return CheckResult("state folder", "failed", detail, advice)


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
        return _answers("MLflow", query, "MLFLOW_TRACKING_URI", _tracking_headers(settings))
    return CheckResult("MLflow", "ok", f"embedded, {uri}")


def _store(settings: "StoreSettings") -> CheckResult:
    from sentiment_cli.buckets import missing_buckets

    place = settings.endpoint
    if not place:
        return CheckResult("artifact store", "ok", "no S3 endpoint is set: the tracking server's")
    try:
        missing = missing_buckets(settings)
    except UnreachableError as error:
        advice = "Start the store, or correct MLFLOW_S3_ENDPOINT_URL."
        return CheckResult("artifact store", "failed", str(error), advice)
    except SentimentError as error:
        return CheckResult("artifact store", "failed", str(error))
    if missing:
        detail = f"{place} has no bucket {', '.join(missing)}"
        return CheckResult("artifact store", "failed", detail, "Run `sentiment-cli init-storage`.")
    return CheckResult("artifact store", "ok", f"{place}, all buckets are there")


def _local_stack() -> list[CheckResult]:
    """Look at what the local stack runs, or would run, and at the parts that no client talks to."""
    from sentiment_cli.settings import StackSettings, read_settings
    from sentiment_cli.stack.record import remembered_settings, running_record

    try:
        # Read here, as a setting that cannot be used is a finding like any other.
        settings, contradictions = remembered_settings(read_settings(StackSettings))
        record = running_record(settings)
    except SentimentError as error:
        return [CheckResult("stack", "failed", str(error))]
    if record is None:
        return _stack_programs(settings)
    from sentiment_cli.stack.health import check_part
    from sentiment_cli.stack.log_file import log_file

    advice = "Unset it, or stop the stack (`sentiment-cli stack down`) to start it otherwise."
    results = [CheckResult("stack", "note", text, advice) for text in contradictions]
    versions = {"postgres": f"; {record.postgres}", "s3": f"; {record.store}"}
    for part in ("postgres", "s3", "worker", "api"):
        problem = check_part(settings, part)
        name = f"stack: {part}"
        if problem is None:
            results.append(CheckResult(name, "ok", f"answers{versions.get(part, '')}"))
        else:
            results.append(CheckResult(name, "failed", problem, f"See {log_file(settings)}."))
    return results


def _stack_programs(settings: "StackSettings") -> list[CheckResult]:
    """Name the programs that `stack up` would run, where the stack is installed."""
    from importlib.util import find_spec

    if find_spec("honcho") is None:
        return []
    from sentiment_cli.stack.environment import DATA_FOLDER
    from sentiment_cli.stack.programs import find_postgres
    from sentiment_cli.stack.supervisor import find_store

    finders: dict[str, Callable[[], object]] = {
        "postgres": lambda: find_postgres(settings.folder / DATA_FOLDER),
        "s3": find_store,
    }
    results = []
    for part, find in finders.items():
        try:
            results.append(CheckResult(f"stack: {part}", "ok", f"not started; {find()}"))
        except SentimentError as error:
            results.append(CheckResult(f"stack: {part}", "note", str(error)))
    return results


def _prefect(settings: TrainSettings) -> CheckResult:
    if settings.prefect_api_url is None:
        return CheckResult("Prefect", "ok", "embedded, a temporary server for each run")
    auth = settings.prefect_api_auth_string
    headers = basic_authorization(auth.get_secret_value()) if auth else None
    # Its health is told to everybody; this only to those whom it knows.
    url = f"{settings.prefect_api_url}/admin/version"
    return _answers("Prefect", url, "PREFECT_API_URL", headers)


def _tracking_headers(settings: TrainSettings) -> dict[str, str]:
    """Authenticate as MLflow's client does: a user goes before a token."""
    password, token = settings.mlflow_tracking_password, settings.mlflow_tracking_token
    if settings.mlflow_tracking_username and password:
        login = f"{settings.mlflow_tracking_username}:{password.get_secret_value()}"
        return basic_authorization(login)
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}


def _answers(
    name: str, url: str, variable: str, headers: dict[str, str] | None = None
) -> CheckResult:
    advice = f"Start it, or correct {variable}."
    try:
        fetch(url, timeout_seconds=_TIMEOUT_SECONDS, headers=headers)
    except DeniedError as error:
        return CheckResult(name, "failed", str(error), "Check its user, password or token.")
    except SentimentError as error:
        return CheckResult(name, "failed", str(error), advice)
    return CheckResult(name, "ok", url.partition("/api/")[0])


def _champion(settings: TrainSettings) -> CheckResult:
    from sentiment_train.registry.versions import Registry

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


def _export(settings: TrainSettings, store: "StoreSettings") -> CheckResult:
    """Compare the champion with what consumers without MLflow are told."""
    from sentiment_core.stores import open_store
    from sentiment_train.registry.export import is_behind
    from sentiment_train.registry.versions import Registry

    place = str(settings.model_export_uri)
    try:
        behind = is_behind(Registry(settings.model_name), open_store(place, store))
    except SentimentError as error:
        return CheckResult("export", "failed", f"{place}: {error}")
    if behind:
        detail = f"{place} does not hold the champion of {settings.model_name}"
        return CheckResult("export", "failed", detail, "Run `sentiment-cli export-champion`.")
    return CheckResult("export", "ok", f"{place} has what it should have")
