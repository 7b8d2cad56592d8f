"""What is kept of a registered model's past, and how the rest goes.

Whatever its age, a version stays that an alias names, that `rollback` could return to, that the
export's pointer names, or that is among the newest. Deleting goes from what is looked up first to
what it leads to (version, then run and logged model, then export), so that whatever stops in
between leaves things that nothing leads to; the next time finds and deletes them.

MLflow only marks runs and logged models as deleted; `purge` removes their rows and files when they
have been so for as long again.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from sentiment_core.errors import NotFoundError, RunError
from sentiment_core.object_store import ObjectStore
from sentiment_train.registry.authority import Held
from sentiment_train.registry.export import read_pointer
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.registry.versions import Registry, VersionInfo
from sentiment_train.settings import TrainSettings

logger = logging.getLogger(__name__)

_PAGE: Final = 1000
_DATABASES: Final = ("sqlite:", "postgresql", "mysql", "mssql")


@dataclass(frozen=True)
class RetentionTerms:
    """How much of the past is kept: the newest versions and runs, and all that is younger."""

    versions: int
    days: float

    def cutoff(self, now: datetime) -> datetime:
        """Return the time before which things are old."""
        return now - timedelta(days=self.days)


@dataclass(frozen=True)
class Cleaning:
    """What was deleted, or would be: versions, ids of runs, and exported versions."""

    versions: tuple[str, ...]
    runs: tuple[str, ...]
    exports: tuple[str, ...]

    @property
    def something(self) -> bool:
        """Whether there is anything at all."""
        return any((self.versions, self.runs, self.exports))

    def sentences(self) -> list[str]:
        """Say in words what goes."""
        if not self.something:
            return ["Nothing is older than what is kept."]
        return [
            f"{kind} that go: {', '.join(names)}"
            for kind, names in (
                ("Versions", self.versions),
                ("Exported versions", self.exports),
                ("Runs", self.runs),
            )
            if names
        ]


def terms_of(settings: TrainSettings) -> RetentionTerms:
    """Read the terms from the settings."""
    return RetentionTerms(settings.retention_versions, settings.retention_days)


def expired_versions(
    versions: Iterable[VersionInfo],
    remembered: Collection[str],
    terms: RetentionTerms,
    now: datetime,
) -> tuple[VersionInfo, ...]:
    """Choose the versions that may go, the oldest first.

    Parameters
    ----------
    versions : iterable of VersionInfo
        All there are, with their aliases.
    remembered : collection of str
        Versions that something else than an alias leads to.
    terms : RetentionTerms
        How much is kept.
    now : datetime
        The present.
    """
    ordered = sorted(versions, key=lambda info: int(info.version))
    return tuple(
        info
        for info in ordered[: -terms.versions]
        if not info.aliases
        and info.version not in remembered
        and info.created_at < terms.cutoff(now)
    )


def expired_exports(
    exported: Iterable[str], known: Collection[str], pointed: str | None
) -> tuple[str, ...]:
    """Choose the exported versions that may go: those that the registry does not know any more.

    Parameters
    ----------
    exported : iterable of str
        Versions that have files in the store.
    known : collection of str
        Versions that stay in the registry; if there is none, nothing goes.
    pointed : str or None
        The version that the pointer names.
    """
    if not known:
        return ()
    return tuple(sorted(set(exported) - set(known) - {pointed}))


def clean_registry(
    registry: Registry,
    store: ObjectStore | None,
    experiment: str,
    terms: RetentionTerms,
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Cleaning:
    """Delete what is older than the terms; what is deleted already is no error.

    Parameters
    ----------
    registry : Registry
        The registered model, whose lease is held while versions go.
    store : ObjectStore or None
        Where champions are exported to.
    experiment : str
        Name of the experiment of its runs.
    terms : RetentionTerms
        How much is kept.
    dry_run : bool, default False
        Change nothing.
    now : datetime, optional
        The present.

    Raises
    ------
    BusyError, LeaseLostError
        If another process changes the registered model for too long.
    DeniedError, RefusedError, UnreachableError
        If the registry or the store does not answer, or not this caller.
    """
    now = now or datetime.now(UTC)
    client = MlflowClient()
    versions, exports = _clean_versions(registry, store, client, terms, now, dry_run=dry_run)
    # Versions that are only said to go still stand for their runs.
    pretended = {info.run_id for info in versions} if dry_run else set()
    runs = _expired_runs(client, experiment, pretended, terms, now)
    if not dry_run:
        for run in runs:
            _delete_run(client, run)
    return Cleaning(
        tuple(info.version for info in versions),
        tuple(run.info.run_id for run in runs),
        exports,
    )


def _clean_versions(
    registry: Registry,
    store: ObjectStore | None,
    client: MlflowClient,
    terms: RetentionTerms,
    now: datetime,
    *,
    dry_run: bool,
) -> tuple[tuple[VersionInfo, ...], tuple[str, ...]]:
    if not registry.versions():
        return (), ()
    with registry.authority.hold("clean") as held:
        pointer = read_pointer(registry, store) if store else None
        pointed = pointer.version if pointer else None
        remembered = {*(held.state.history or ()), *([pointed] if pointed else [])}
        present = registry.versions()
        gone = expired_versions(present, remembered, terms, now)
        if not dry_run:
            gone = tuple(info for info in gone if _delete_version(registry, client, held, info))
        known = {info.version for info in present} - {info.version for info in gone}
        files = _exported_files(registry, store) if store else {}
        exports = expired_exports(files, known, pointed)
        if not dry_run:
            _delete_exports(store, held, (key for version in exports for key in files[version]))
        return gone, exports


def _delete_version(
    registry: Registry, client: MlflowClient, held: Held, info: VersionInfo
) -> bool:
    held.check()
    # Somebody may have named it in MLflow's own pages, which ask for no lease.
    if info.version in registry.aliases().values():
        return False
    with suppress(NotFoundError), mapped_mlflow_errors():
        client.delete_model_version(registry.name, info.version)
    logger.info("Deleted %s version %s", registry.name, info.version)
    return True


def _delete_exports(store: ObjectStore | None, held: Held, keys: Iterable[str]) -> None:
    if store is not None:
        for key in keys:
            held.check()
            store.delete(key)


def _exported_files(registry: Registry, store: ObjectStore) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    prefix = f"{registry.name}/"
    for item in store.list(prefix):
        version, _, name = item.key.removeprefix(prefix).partition("/")
        if name and version.isdecimal():
            found.setdefault(version, []).append(item.key)
    return found


@mapped_mlflow_errors()
def _expired_runs(
    client: MlflowClient,
    experiment: str,
    pretended: Collection[str],
    terms: RetentionTerms,
    now: datetime,
) -> list[Run]:
    """Find old runs that have ended and that no version stands for, the newest excepted."""
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return []
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [found.experiment_id],
            "attributes.status != 'RUNNING'",
            ViewType.ACTIVE_ONLY,
            _PAGE,
            ["attributes.start_time DESC"],
            token,
        )
        runs += page
        token = page.token
        if not token:
            break
    return [
        run
        for run in runs[terms.versions :]
        if run.info.start_time < terms.cutoff(now).timestamp() * 1e3
        and (run.info.run_id in pretended or not _has_versions(client, run.info.run_id))
    ]


def _has_versions(client: MlflowClient, run_id: str) -> bool:
    return bool(client.search_model_versions(f"run_id = '{run_id}'", max_results=1))


@mapped_mlflow_errors()
def _delete_run(client: MlflowClient, run: Run) -> None:
    models = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    for model in models:
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


def purge(tracking_uri: str, days: float) -> bool:
    """Remove for good what has been deleted in MLflow for some days: rows and files.

    It is done where the database is. A tracking server's address cannot do it: False says so, and
    the image of MLflow does it there once a day.

    Parameters
    ----------
    tracking_uri : str
        Of the MLflow that this process is configured for.
    days : float
        How long deleted things can still be restored.

    Raises
    ------
    RunError
        If MLflow gives up.
    """
    if not tracking_uri.startswith(_DATABASES):
        return False
    # In a process of its own: it prints, and chooses the tracking server for its whole process.
    result = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-m", "mlflow", "gc", "--older-than", f"{days * 86_400:.0f}s"],
        env=os.environ | {"MLFLOW_TRACKING_URI": tracking_uri},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        last = next(iter(result.stderr.strip().splitlines()[-1:]), "")
        raise RunError(f"MLflow could not remove what is deleted: {last}")
    return True
