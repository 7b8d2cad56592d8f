"""The model registry: versions, aliases, and the packages behind them."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from sentiment_core.errors import (
    AliasNotSetError,
    ConflictError,
    InputError,
    NotFoundError,
    NotReadyError,
    SentimentError,
    UnreachableError,
)
from sentiment_core.model_package import MANIFEST_FILE, SCORER_FILE, ModelPackage, load_package
from sentiment_core.registry_names import (
    CHALLENGER,
    CHAMPION,
    PACKAGE_ARTIFACT,
    PREVIOUS,
    SCORER_DIGEST_TAG,
)
from sentiment_train.registry.authority import Authority
from sentiment_train.registry.decision import SetAlias, crown, drop
from sentiment_train.registry.lease import LeaseTerms
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.registry.model_record import MlflowRecord
from sentiment_train.registry.rollback import Rollback, roll_back
from sentiment_train.results import LoggedModel
from sentiment_train.settings import TrainSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VersionInfo:
    """A registered version."""

    version: str
    aliases: tuple[str, ...]
    created_at: datetime
    run_id: str
    source: str
    tags: dict[str, str]


@dataclass(frozen=True)
class RunRecord:
    """What the tracking store knows about the run of a version."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    test_digest: str | None


class Registry:
    """One registered model.

    Whatever changes an alias holds the lease of the model meanwhile (`authority`). Every method
    raises UnreachableError if the registry or its store does not answer, and DeniedError or
    RefusedError if it does not answer this caller.

    Parameters
    ----------
    name : str
        Name of the registered model.
    terms : LeaseTerms, optional
        How long a change of an alias waits for another one.
    say : callable, optional
        Is told whom a change waits for; none writes it to the log.
    """

    def __init__(
        self,
        name: str,
        terms: LeaseTerms | None = None,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self.name = name
        with mapped_mlflow_errors():
            self._client = MlflowClient()
        self._record = MlflowRecord(name, self._client)
        self.authority = Authority(self._record, terms or LeaseTerms(), say=say)

    def register(self, model: LoggedModel) -> str:
        """Register a logged model as a new version, without any alias, and return the version.

        A repeated call for the same run returns the version that it already has.
        """
        with suppress(ConflictError), mapped_mlflow_errors():
            self._client.create_registered_model(self.name)
        existing = self.version_of_run(model.run_id)
        return existing.version if existing else str(self._create_version(model).version)

    @mapped_mlflow_errors()
    def _create_version(self, model: LoggedModel) -> ModelVersion:
        return self._client.create_model_version(
            self.name,
            source=model.model_uri,
            run_id=model.run_id,
            model_id=model.model_uri.removeprefix("models:/"),
            tags={SCORER_DIGEST_TAG: model.scorer_digest},
        )

    @mapped_mlflow_errors()
    def version_of_run(self, run_id: str) -> VersionInfo | None:
        """Find the version that a run registered; None if it registered none."""
        found = self._client.search_model_versions(f"run_id = '{run_id}'")
        mine = [version for version in found if version.name == self.name]
        return _version_info(mine[0], self.aliases()) if mine else None

    def versions(self) -> list[VersionInfo]:
        """List all versions, the newest first; none if the model does not exist."""
        aliases = self.aliases()
        infos = [_version_info(version, aliases) for version in self._record.search()]
        return sorted(infos, key=lambda info: -int(info.version))

    def aliases(self) -> dict[str, str]:
        """Return all aliases and the versions they name; none if the model does not exist."""
        try:
            return self._record.read().aliases
        except NotFoundError:
            return {}

    def champion(self) -> str | None:
        """Return the version that serves, or None."""
        return self.aliases().get(CHAMPION)

    def resolve(self, reference: str) -> VersionInfo:
        """Find a version by its number or by an alias: ``"3"``, ``"champion"`` or ``"@champion"``.

        Raises
        ------
        NotFoundError
            If there is none; the message lists what there is.
        """
        aliases = self.aliases()
        number = aliases.get(reference.removeprefix("@"), reference)
        try:
            with mapped_mlflow_errors():
                return _version_info(self._client.get_model_version(self.name, number), aliases)
        except (NotFoundError, InputError) as error:
            known = ", ".join(f"@{alias}" for alias in sorted(aliases)) or "none"
            raise NotFoundError(
                f"{self.name} has no version or alias {reference!r} (aliases: {known}). "
                "See `sentiment-cli list-versions`."
            ) from error

    def run_record(self, info: VersionInfo) -> RunRecord:
        """Read the run that made a version; the record is empty if the run was deleted."""
        try:
            with mapped_mlflow_errors():
                run = self._client.get_run(info.run_id)
        except (NotFoundError, InputError):
            return RunRecord({}, {}, {}, None)
        digests = [
            item.dataset.digest
            for item in (run.inputs.dataset_inputs if run.inputs else [])
            if any(tag.value == "testing" for tag in item.tags)
        ]
        tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
        commit = run.data.tags.get("mlflow.source.git.commit")
        if commit:
            tags["git.commit"] = commit
        test_digest = digests[0] if digests else None
        return RunRecord(dict(run.data.metrics), dict(run.data.params), tags, test_digest)

    def set_alias(self, alias: str, version: str) -> None:
        """Make an alias name a version; an alias that exists moves.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        InputError
            If the alias is not allowed.
        """
        if alias == CHAMPION:
            self.make_champion(version)
            return
        _refuse_previous(alias)
        with self.authority.hold(f"set-alias {alias}") as held:
            held.require(version)
            held.execute([SetAlias(alias, version)])

    def delete_alias(self, alias: str) -> None:
        """Remove an alias; the version stays.

        Raises
        ------
        AliasNotSetError
            If there is no such alias.
        InputError
            If the alias is not allowed.
        """
        _refuse_previous(alias)
        if alias not in self.aliases():
            raise AliasNotSetError(f"{self.name} has no alias {alias!r}.")
        with self.authority.hold(f"delete-alias {alias}") as held:
            held.execute(drop(held.state, alias))

    def make_champion(self, version: str) -> None:
        """Let a version serve; `previous` names the former champion then.

        A challenger that becomes champion is no longer the challenger; another one stays it.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        """
        with self.authority.hold(f"set-alias {CHAMPION}") as held:
            held.require(version)
            held.execute(crown(held.state, version))

    def make_challenger(self, version: str) -> str | None:
        """Mark a version as the candidate that is tried beside the champion.

        It returns the version that was marked until now, if another one was.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        """
        with self.authority.hold(f"set-alias {CHALLENGER}") as held:
            held.require(version)
            former = held.state.challenger
            held.execute([SetAlias(CHALLENGER, version)])
        return None if former == version else former

    def roll_back(self, only_from: str | None = None) -> Rollback:
        """Make the champion before this one the champion again; see `rollback.roll_back`.

        Raises
        ------
        ConflictError
            If another version than `only_from` is the champion.
        NotReadyError
            If no earlier champion can serve.
        """
        try:
            return roll_back(self.authority, self.load, only_from)
        except NotFoundError as error:
            raise NotReadyError(f"{self.name} has no previous champion to roll back to.") from error

    def log_report(self, version: str, path: Path) -> None:
        """Add a report to the run that made a version; nothing if the run was deleted."""
        run_id = self.resolve(version).run_id
        with suppress(NotFoundError, InputError), mapped_mlflow_errors():
            self._client.log_artifact(run_id, str(path), "reports")

    @mapped_mlflow_errors()
    def set_tags(self, version: str, tags: Mapping[str, str | None]) -> None:
        """Write tags on a version; those of the same names are replaced, or removed for None."""
        standing = self._client.get_model_version(self.name, version).tags
        for key, value in tags.items():
            if value is not None:
                self._client.set_model_version_tag(self.name, version, key, value)
            elif key in standing:
                self._client.delete_model_version_tag(self.name, version, key)

    def load(self, version: str) -> ModelPackage:
        """Fetch the model of a version and check it.

        Raises
        ------
        ScorerError
            If it is damaged or incomplete.
        NotFoundError
            If the version or its files do not exist.
        """
        with self.package(version) as folder:
            return load_package(folder)

    @contextmanager
    def package(self, version: str) -> Iterator[Path]:
        """Fetch the folder of a version's model package for a while; it is deleted afterwards.

        Raises
        ------
        NotFoundError
            If the version or its files do not exist.
        UnreachableError
            If the files cannot be fetched, or read here, which says nothing of them.
        """
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield self._download(version, folder)
        except OSError as error:
            raise UnreachableError(
                f"The files of {self.name} version {version} cannot be read just now: {error}."
            ) from error

    def _download(self, version: str, folder: str) -> Path:
        source = f"models:/{self.name}/{version}/{PACKAGE_ARTIFACT}"
        try:
            with mapped_mlflow_errors():
                return Path(
                    mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=folder)
                )
        except (UnreachableError, FileNotFoundError) as error:
            if missing := _missing_files(source):
                raise NotFoundError(
                    f"Files of {self.name} version {version} are gone: {', '.join(missing)}."
                ) from error
            raise


def _missing_files(source: str) -> list[str]:
    """Name what a store that answers does not hold of a package."""
    try:
        with mapped_mlflow_errors():
            found = mlflow.artifacts.list_artifacts(artifact_uri=source)
    except (SentimentError, OSError):
        return []
    names = {PurePosixPath(file.path).name for file in found}
    return [name for name in (MANIFEST_FILE, SCORER_FILE) if name not in names]


def _refuse_previous(alias: str) -> None:
    if alias == PREVIOUS:
        raise InputError(
            f"@{PREVIOUS} follows from the history of champions: move @{CHAMPION}, or go back with "
            "`sentiment-cli rollback`."
        )


def configured_registry(settings: TrainSettings) -> Registry:
    """Open the registered model that the settings name, on their terms."""
    return Registry(settings.model_name, LeaseTerms(wait_seconds=settings.promotion_wait_seconds))


def _version_info(version: ModelVersion, aliases: dict[str, str]) -> VersionInfo:
    number = str(version.version)
    return VersionInfo(
        version=number,
        aliases=tuple(sorted(alias for alias, named in aliases.items() if named == number)),
        created_at=datetime.fromtimestamp(version.creation_timestamp / 1e3, UTC),
        run_id=str(version.run_id or ""),
        source=str(version.source),
        tags={str(key): str(value) for key, value in version.tags.items()},
    )
