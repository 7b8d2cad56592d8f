"""The model registry: versions, aliases, and the packages behind them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from sentiment_core.errors import (
    AliasNotSetError,
    ConflictError,
    InputError,
    NotFoundError,
    NotReadyError,
)
from sentiment_core.model_package import ModelPackage, load_package
from sentiment_core.registry_names import (
    CHALLENGER,
    CHAMPION,
    PACKAGE_ARTIFACT,
    PREVIOUS,
    SCORER_DIGEST_TAG,
)
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.results import LoggedModel

_PAGE: Final = 1000


@dataclass(frozen=True)
class VersionInfo:
    """A registered version."""

    version: str
    aliases: tuple[str, ...]
    created: int
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

    Every method raises UnreachableError if the registry or its store does not answer, and
    DeniedError or RefusedError if it does not answer this caller.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        with mapped_mlflow_errors():
            self._client = MlflowClient()

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

    @mapped_mlflow_errors()
    def versions(self) -> list[VersionInfo]:
        """List all versions, the newest first; none if the model does not exist."""
        aliases = self.aliases()
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(
                f"name = '{self.name}'", max_results=_PAGE, page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                break
        infos = [_version_info(version, aliases) for version in found]
        return sorted(infos, key=lambda info: -int(info.version))

    def aliases(self) -> dict[str, str]:
        """Return all aliases and the versions they name; none if the model does not exist."""
        try:
            with mapped_mlflow_errors():
                # Searches return versions without their aliases.
                aliases = self._client.get_registered_model(self.name).aliases
        except NotFoundError:
            return {}
        return {alias: str(version) for alias, version in aliases.items()}

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
        try:
            with mapped_mlflow_errors():
                self._client.set_registered_model_alias(self.name, alias, version)
        except NotFoundError as error:
            raise NotFoundError(f"{self.name} has no version {version}.") from error
        except InputError as error:
            raise InputError(f"The registry refuses the alias {alias!r}: {error}") from error

    @mapped_mlflow_errors()
    def delete_alias(self, alias: str) -> None:
        """Remove an alias; the version stays.

        Raises
        ------
        AliasNotSetError
            If there is no such alias.
        """
        if alias not in self.aliases():
            raise AliasNotSetError(f"{self.name} has no alias {alias!r}.")
        self._client.delete_registered_model_alias(self.name, alias)

    @mapped_mlflow_errors()
    def set_tags(self, version: str, tags: dict[str, str]) -> None:
        """Write tags on a version; those of the same names are replaced."""
        for key, value in tags.items():
            self._client.set_model_version_tag(self.name, version, key, value)

    def roll_back(self) -> tuple[str, str]:
        """Make the previous champion the champion again; the two change places.

        No other alias moves.

        Returns
        -------
        former, restored : str
            The version that served until now, and the one that serves from now on.

        Raises
        ------
        NotReadyError
            If there is no previous champion.
        """
        aliases = self.aliases()
        former, restored = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if former is None or restored is None or former == restored:
            raise NotReadyError(f"{self.name} has no previous champion to roll back to.")
        self.load(restored)
        self._let_serve(restored)
        return former, restored

    @mapped_mlflow_errors()
    def make_champion(self, version: str) -> None:
        """Let a version serve, and remember the former champion as `previous`.

        A challenger that becomes champion is no longer the challenger; another one stays it.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        """
        self._let_serve(version)
        # Read afresh: somebody may have marked another version in between.
        if self.aliases().get(CHALLENGER) == version:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def make_challenger(self, version: str) -> str | None:
        """Mark a version as the candidate that is tried beside the champion.

        It returns the version that was marked until now, if another one was.

        Raises
        ------
        NotFoundError
            If the version does not exist.
        """
        former = self.aliases().get(CHALLENGER)
        self.set_alias(CHALLENGER, version)
        return None if former == version else former

    def _let_serve(self, version: str) -> None:
        former = self.champion()
        if former and former != version:
            self.set_alias(PREVIOUS, former)
        self.set_alias(CHAMPION, version)

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
        """
        with tempfile.TemporaryDirectory() as folder:
            yield self._download(version, folder)

    def _download(self, version: str, folder: str) -> Path:
        source = f"models:/{self.name}/{version}/{PACKAGE_ARTIFACT}"
        try:
            with mapped_mlflow_errors():
                return Path(
                    mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=folder)
                )
        except FileNotFoundError as error:  # of a store that is a folder
            raise NotFoundError(
                f"The files of {self.name} version {version} are gone: {error.filename}."
            ) from error


def _version_info(version: ModelVersion, aliases: dict[str, str]) -> VersionInfo:
    number = str(version.version)
    return VersionInfo(
        version=number,
        aliases=tuple(sorted(alias for alias, named in aliases.items() if named == number)),
        created=int(version.creation_timestamp),
        run_id=str(version.run_id or ""),
        source=str(version.source),
        tags={str(key): str(value) for key, value in version.tags.items()},
    )
