"""How a registered version was made, and whether it can be made again."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from sentiment_cli.dvc_remote import default_remote
from sentiment_core.errors import NotFoundError, RunError
from sentiment_core.registry_names import SCORER_DIGEST_TAG
from sentiment_core.store_settings import StoreSettings
from sentiment_train.registry.run_log import (
    DATA_MD5_TAG,
    DATA_PATH_TAG,
    GIT_DIRTY_TAG,
    UNLABELLED_ROWS_TAG,
    UNLABELLED_SHA256_TAG,
    UNLABELLED_SOURCE_TAG,
    params_of_run,
)
from sentiment_train.registry.versions import Registry, VersionInfo

_NOT_INHERITED: Final = (
    # servers, which the repeated run must not touch
    "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "MODEL_EXPORT_URI",
    # this environment, which the clone's own must not replace
    "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "PREFECT_HOME",
)  # fmt: skip


_PARAMS_FILE: Final = "reproduced.yaml"


@dataclass(frozen=True)
class Recipe:
    """What a version was made from, and the commands that make it again."""

    version: str
    commit: str
    dirty: bool
    data_path: str
    data_md5: str
    params: dict[str, Any]
    scorer_digest: str
    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """The outcome of making a version again."""

    identical: bool
    expected_digest: str
    actual_digest: str


def find_recipe(
    registry: Registry, info: VersionInfo, project: Path, store: StoreSettings
) -> Recipe:
    """Read how a version was made, and where its data is to be had.

    Parameters
    ----------
    project : Path
        The repository; its commit says whether DVC tracks the data.
    store : StoreSettings
        Endpoint and keys, where DVC's remote does not say its own.

    Raises
    ------
    NotFoundError
        If the run does not tell the commit or the data.
    """
    run = registry.run_record(info)
    commit = run.tags.get("git.commit")
    if not commit or DATA_MD5_TAG not in run.tags:
        raise NotFoundError(
            f"The run of version {info.version} does not tell its commit and data: it was not "
            "trained in a git repository."
        )
    params = params_of_run(run.params)
    path = run.tags[DATA_PATH_TAG]
    md5 = run.tags[DATA_MD5_TAG]
    source = params.get("data", {}).get("source", "csv")
    data_commands, notes = _data_commands(project, commit, path, md5, source, store)
    return Recipe(
        version=info.version,
        commit=commit,
        dirty=run.tags.get(GIT_DIRTY_TAG) == "true",
        data_path=path,
        data_md5=md5,
        params=params,
        scorer_digest=run.tags.get(SCORER_DIGEST_TAG, info.tags.get(SCORER_DIGEST_TAG, "")),
        commands=(
            # By the code of today: that of the commit may not know the option.
            f"sentiment-cli reproduce {info.version} --output-params {_PARAMS_FILE}",
            f"git checkout {commit}",
            *data_commands,
            f"sentiment-cli train --data-path {shlex.quote(path)} --params {_PARAMS_FILE}",
        ),
        notes=(*notes, *_unlabelled_note(run.tags)),
    )


def _unlabelled_note(tags: Mapping[str, str]) -> tuple[str, ...]:
    if UNLABELLED_SHA256_TAG not in tags:
        return ()
    return (
        f"It was also trained on {tags[UNLABELLED_ROWS_TAG]} reviews without labels of "
        f"{tags[UNLABELLED_SOURCE_TAG]} (SHA-256 {tags[UNLABELLED_SHA256_TAG]}), as far as they "
        "helped.",
    )


def _data_commands(
    project: Path, commit: str, path: str, md5: str, source: str, store: StoreSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the commands that bring the data back, each only where it can; and what to know."""
    target = shlex.quote(path)
    tracked = _is_tracked(project, commit, path, md5)
    remote = default_remote(project) if tracked else None
    if remote and remote.has(md5, store):
        return (f"dvc pull -r {shlex.quote(remote.name)} {target}",), ()
    if tracked and _cached(project, md5).is_file():
        return (f"dvc checkout {target}",), ()
    if source != "csv":
        command = f"sentiment-cli prepare-data --force --params {_PARAMS_FILE} --output {target}"
        return (command,), ()
    if _has_digest(project / path, md5):
        return (), (f"The data is in {path}; DVC has no copy of it.",)
    place = f" (it has none in its remote {remote.name})" if remote else ""
    note = f"The data (MD5 {md5}) is neither here nor in DVC{place}: put it to {path} yourself."
    return (), (note,)


def _is_tracked(project: Path, commit: str, path: str, md5: str) -> bool:
    """Say whether a commit names a file with these bytes as an output that DVC keeps."""
    if not (project / ".dvc").is_dir():
        return False
    locked = _yaml_at(project, commit, "dvc.lock").get("stages", {})
    added = _yaml_at(project, commit, f"{path}.dvc").get("outs", [])
    outs = [(out, out.get("path")) for stage in locked.values() for out in stage.get("outs", [])]
    outs += [(out, PurePosixPath(path).with_name(out.get("path", "")).as_posix()) for out in added]
    return any(out.get("md5") == md5 and name == path for out, name in outs)


def _yaml_at(project: Path, commit: str, name: str) -> dict[str, Any]:
    git = shutil.which("git")
    if git is None:
        return {}
    shown = subprocess.run(  # noqa: S603 - git, with a commit from the registry
        [git, "show", f"{commit}:./{name}"], cwd=project, capture_output=True, check=False
    )
    content = yaml.safe_load(shown.stdout) if shown.returncode == 0 else None
    return content if isinstance(content, dict) else {}


def _cached(project: Path, md5: str) -> Path:
    return project / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def params_as_yaml(recipe: Recipe) -> str:
    """Render the parameters of a recipe as a parameter file."""
    return yaml.safe_dump(recipe.params, sort_keys=False)


def verify(recipe: Recipe, project: Path, on_progress: Callable[[str], None]) -> Verification:
    """Make a version again, in a temporary clone with its own environment.

    Parameters
    ----------
    project : Path
        The repository that holds the commit, and perhaps the data or DVC's cache of it.
    on_progress : callable
        Takes the name of each step.

    Raises
    ------
    NotFoundError
        If the data is not to be had.
    RunError
        If the commit is not to be had, or the training fails.
    """
    with tempfile.TemporaryDirectory(prefix="sentiment-reproduce-") as name:
        clone = Path(name, "clone")
        on_progress("cloning the commit")
        _run(["git", "clone", "-q", "--no-checkout", str(project), str(clone)], project)
        _run(["git", "checkout", "-q", recipe.commit], clone)
        (clone / "params.yaml").write_text(params_as_yaml(recipe), encoding="utf-8")
        on_progress("fetching the data")
        data = _fetch_data(recipe, project, clone)
        on_progress("training")
        result = json.loads(
            _cli(clone, "train", "--data-path", str(data), "--no-register", "--json",
                 *_unlabelled_option(recipe, project))
        )  # fmt: skip
    # Up to version 0.1.0 it was named after the model.
    actual = str(result.get("scorer_digest") or result["model_digest"])
    return Verification(actual == recipe.scorer_digest, recipe.scorer_digest, actual)


def _unlabelled_option(recipe: Recipe, project: Path) -> tuple[str, ...]:
    """Name texts that lie in the project: the clone has none of them."""
    name = recipe.params.get("data", {}).get("unlabelled")
    if name and (project / name).exists():
        return ("--unlabelled", str((project / name).absolute()))
    return ()


def _fetch_data(recipe: Recipe, project: Path, clone: Path) -> Path:
    target = clone / recipe.data_path
    md5 = recipe.data_md5
    for source in (project / recipe.data_path, _cached(project, md5)):
        if _has_digest(source, md5):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            return target
    if recipe.params.get("data", {}).get("source", "csv") != "csv":
        _cli(clone, "prepare-data", "--force", "--output", str(target))
    if not _has_digest(target, md5):
        raise NotFoundError(
            f"The data of version {recipe.version} ({recipe.data_path}, MD5 {md5}) is not here: "
            f"`sentiment-cli reproduce {recipe.version}` says where it is to be had."
        )
    return target


def _has_digest(path: Path, md5: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == md5


def _cli(clone: Path, *arguments: str) -> str:
    """Run the command line of the clone's own code and locked dependencies."""
    uv = shutil.which("uv")
    command = [uv] if uv else [sys.executable, "-m", "uv"]
    command += ["run", "-q", "--frozen", "--no-dev", "sentiment-cli", *arguments]
    return _run(command, clone)


def _run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    environment["SENTIMENT_HOME"] = str(folder.parent / "home")
    environment["UV_COMPILE_BYTECODE"] = "0"  # the environment is used once
    result = subprocess.run(  # noqa: S603 - git, uv and our own command line
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise RunError(f"`{' '.join(command[:4])} …` failed: {lines[-1]}")
    return result.stdout
