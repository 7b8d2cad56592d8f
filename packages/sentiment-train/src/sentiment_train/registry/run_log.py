"""Logs a training run to MLflow: parameters, figures, data, and the model package."""

import ast
import hashlib
import json
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from sentiment_core.errors import ConflictError
from sentiment_core.model_package import write_package
from sentiment_core.params import Params
from sentiment_core.redaction import redact
from sentiment_core.registry_names import PACKAGE_DIRECTORY, SCORER_DIGEST_TAG
from sentiment_train.liveness import LivingProcess
from sentiment_train.model.card import write_model_card
from sentiment_train.model.plots import draw_plots
from sentiment_train.model.trained import TrainedModel
from sentiment_train.registry.dead_runs import PROCESS_TAG, end_dead_mlflow_runs
from sentiment_train.registry.judged_model import write_judged, write_training_rows
from sentiment_train.registry.logged_dataset import LoggedDataset
from sentiment_train.registry.mlflow_errors import mapped_mlflow_errors
from sentiment_train.results import LoggedModel
from sentiment_train.settings import UNKNOWN_REVISION, TrainSettings

FLOW_RUN_TAG: Final = "prefect.flow_run_id"
DATA_PATH_TAG: Final = "data.path"
DATA_MD5_TAG: Final = "data.md5"
UNLABELLED_SOURCE_TAG: Final = "data.unlabelled.source"
UNLABELLED_ROWS_TAG: Final = "data.unlabelled.rows"
UNLABELLED_SHA256_TAG: Final = "data.unlabelled.sha256"
COMMIT_TAG: Final = "mlflow.source.git.commit"
GIT_DIRTY_TAG: Final = "git.dirty"

_SIGNATURE: Final = ModelSignature(
    inputs=Schema([ColSpec(DataType.string, "text")]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "sentiment"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(DataType.boolean, "low_information"),
        ]
    ),
)
_EXAMPLES: Final = (
    "A moving story, beautifully acted. I loved every minute.",
    "Two hours of my life that I will never get back. The plot is a mess.",
    "It starts slowly, but the ending isn't bad at all.",
)
_VERSIONED: Final = ("sentiment-core", "sentiment-train", "prefect", "scikit-learn")


@mapped_mlflow_errors()
def ensure_experiment(settings: TrainSettings) -> str:
    """Find or create the experiment of the training runs, and return its id.

    Raises
    ------
    ConflictError
        If an experiment of that name was deleted.
    """
    client = mlflow.MlflowClient()
    name = settings.mlflow_experiment_name
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            with mapped_mlflow_errors():
                return client.create_experiment(name, artifact_location=settings.artifact_location)
        except ConflictError:
            # Another run created it in between.
            experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise ConflictError(f"The experiment {name} cannot be made: was it deleted in MLflow?")
    return str(experiment.experiment_id)


@mapped_mlflow_errors()
def log_training(
    model: TrainedModel,
    settings: TrainSettings,
    process: LivingProcess,
    *,
    flow_run_id: str | None = None,
) -> LoggedModel:
    """Log a run with its model; a repeated call for the same flow run continues its run.

    The id of the Prefect flow run and what stands for the process are recorded as tags. Runs that
    killed trainings left behind as running are ended first.
    """
    experiment_id = ensure_experiment(settings)
    unfinished = find_run_of_flow(experiment_id, flow_run_id) if flow_run_id else None
    run_id = unfinished.info.run_id if unfinished else None
    end_dead_mlflow_runs(experiment_id, process)
    tags = {PROCESS_TAG: process.token}
    if flow_run_id:
        tags[FLOW_RUN_TAG] = flow_run_id
    with (
        mlflow.start_run(run_id=run_id, experiment_id=experiment_id, tags=tags) as run,
        _marked_as_killed_on_interruption(),
    ):
        mlflow.set_tags(_describe(model, settings))
        mlflow.log_params(params_as_text(model.params))
        mlflow.log_metrics(
            {str(name): value for name, value in model.judged.evaluation.metrics().items()}
        )
        _log_data(model)
        mlflow.log_text(model.data_report.to_json(), "data/report.json")
        mlflow.log_text(model.data_report.to_html(), "data/report.html")
        _log_plots(model)
        model_uri = _log_package(model, settings)
        return LoggedModel(run.info.run_id, model_uri, model.scorer.digest)


def params_as_text(params: Params) -> dict[str, str]:
    """Render parameters by ``section.name``: strings as they are, everything else as JSON."""
    flat = params.flat()
    return {
        name: value if isinstance(value, str) and not _is_json(value) else json.dumps(value)
        for name, value in flat.items()
    }


def params_of_run(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read the parameters that a run logged, as they stood: only its own code can judge them.

    Parameters
    ----------
    texts : mapping of str to str
        As `params_as_text` renders them, or with Python's literals, as up to version 0.1.0.
    """
    nested: dict[str, dict[str, Any]] = {}
    for name, text in texts.items():
        section, _, key = name.partition(".")
        nested.setdefault(section, {})[key] = _value(text)
    return nested


def _value(text: str) -> Any:
    if _is_json(text):
        return json.loads(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@contextmanager
def _marked_as_killed_on_interruption() -> Iterator[None]:
    try:
        yield
    except Exception:  # MLflow marks the run as failed
        raise
    except BaseException:
        mlflow.end_run("KILLED")
        raise


@mapped_mlflow_errors()
def find_run_of_flow(experiment_id: str, flow_run_id: str) -> Run | None:
    """Find the MLflow run that a Prefect flow run logged; None if it has logged none."""
    runs = mlflow.MlflowClient().search_runs(
        [experiment_id], f"tags.`{FLOW_RUN_TAG}` = '{flow_run_id}'", max_results=1
    )
    return runs[0] if runs else None


def _describe(model: TrainedModel, settings: TrainSettings) -> dict[str, str]:
    tags = {f"version.{name}": version(name) for name in _VERSIONED}
    tags["version.mlflow"] = mlflow.__version__
    tags[DATA_PATH_TAG] = model.data.path.as_posix()
    tags[DATA_MD5_TAG] = model.data.md5
    tags["data.rows"] = str(len(model.split.frame))
    tags["data.source"] = "unknown (not made by prepare-data, or changed since)"
    provenance = model.data.provenance
    if provenance:
        tags["data.source"], tags["data.seed"] = provenance.source, str(provenance.seed)
        tags["data.origin"], tags["data.licence"] = provenance.origin, provenance.licence
    tags["params.sha256"] = hashlib.sha256(
        json.dumps(model.params.flat(), sort_keys=True).encode()
    ).hexdigest()
    if model.unlabelled:
        reviews = model.unlabelled.reviews
        tags[UNLABELLED_SOURCE_TAG] = reviews.source
        tags[UNLABELLED_ROWS_TAG] = str(len(reviews.texts))
        tags[UNLABELLED_SHA256_TAG] = reviews.sha256
        tags["data.unlabelled.outcome"] = str(model.unlabelled)
    tags[SCORER_DIGEST_TAG] = model.scorer.digest
    # An origin may be an address with a user in it.
    return {name: redact(value) for name, value in (tags | code_tags(settings)).items()}


def code_tags(settings: TrainSettings) -> dict[str, str]:
    """Say which commit this code is of: that of the repository here, else that of the image."""
    if commit := _git("rev-parse", "HEAD"):
        dirty = "true" if _git("status", "--porcelain", "-uno") else "false"
        return {COMMIT_TAG: commit, GIT_DIRTY_TAG: dirty}
    known = settings.revision != UNKNOWN_REVISION
    return {COMMIT_TAG: settings.revision} if known else {}


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def _log_data(model: TrainedModel) -> None:
    split = model.split
    for context, used in {"training": ~split.in_test, "testing": split.in_test}.items():
        dataset = LoggedDataset(split.frame, split.fingerprints, used, model.data.path)
        with warnings.catch_warnings():
            # About integer columns with missing values: labels have none.
            warnings.simplefilter("ignore", UserWarning)
            mlflow.log_input(dataset, context=context)


def _log_plots(model: TrainedModel) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in draw_plots(model.scorer, model.judged.scores):
            figure.savefig(Path(folder, f"{name}.png"))
        mlflow.log_artifacts(folder, "figures")


def _log_package(model: TrainedModel, settings: TrainSettings) -> str:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, PACKAGE_DIRECTORY)
        card = write_model_card(
            name=settings.model_name,
            path=model.data.path.as_posix(),
            provenance=model.data.provenance,
            rows=(model.split.n_train, model.split.n_test),
            scores=model.judged.scores,
            refitted=model.is_refitted,
            unlabelled=str(model.unlabelled) if model.unlabelled else None,
            params=model.params,
            n_terms=model.scorer.n_terms,
            digest=model.scorer.digest,
        )
        metrics = {str(name): value for name, value in model.judged.evaluation.metrics().items()}
        predicted, observed = model.judged.scores.calibration
        write_package(
            package, model.scorer, metrics=metrics, examples=_EXAMPLES, model_card=card,
            calibration=list(zip(predicted.tolist(), observed.tolist(), strict=True)),
        )  # fmt: skip
        if model.is_refitted:
            write_training_rows(package, model.data.fingerprints)
            write_judged(package, model.judged.scorer, model.split.train_fingerprints)
        else:
            write_training_rows(package, model.split.train_fingerprints)
        info = mlflow.pyfunc.log_model(
            name="model",
            loader_module="sentiment_core.pyfunc",
            data_path=str(package),
            signature=_SIGNATURE,
            input_example=pd.DataFrame({"text": _EXAMPLES}),
            pip_requirements=[
                f"mlflow=={mlflow.__version__}",
                f"sentiment-core[training]=={version('sentiment-core')}",
            ],
        )
    return str(info.model_uri)
