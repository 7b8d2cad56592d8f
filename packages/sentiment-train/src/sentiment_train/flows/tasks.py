"""The tasks of the training flow: thin wrappers that add names, retries and the run's context.

Rows and models pass between tasks in memory: one run executes in one process, and nothing is
cached or persisted.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import Task

from sentiment_core.errors import UnreachableError
from sentiment_core.model_package import load_package
from sentiment_core.object_store import ObjectStore
from sentiment_core.params import Params
from sentiment_core.scorer import LinearScorer
from sentiment_train.data.checks import DataReport, check_data
from sentiment_train.data.reference import load_reference
from sentiment_train.data.split import Split, split_dataset
from sentiment_train.data.training_data import TrainingData, provide_data_file, read_training_data
from sentiment_train.data.unlabelled import UnlabelledReviews, load_unlabelled
from sentiment_train.liveness import LivingProcess
from sentiment_train.model.behaviour import BehaviourCheck
from sentiment_train.model.card import markdown_table, rounded
from sentiment_train.model.curves import HeldOutScores, write_curves
from sentiment_train.model.fitting import fit_scorer
from sentiment_train.model.trained import JudgedModel, TrainedModel, judge, refit
from sentiment_train.registry.comparison import HeldOutComparison
from sentiment_train.registry.export import keep_exported
from sentiment_train.registry.judged_model import read_judged
from sentiment_train.registry.promotion import promote
from sentiment_train.registry.run_log import log_training
from sentiment_train.registry.versions import configured_registry
from sentiment_train.results import Decision, LoggedModel
from sentiment_train.running.steps import Step, begin
from sentiment_train.settings import TrainSettings

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _is_worth_a_retry(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), UnreachableError)


_LOCAL: Final[dict[str, Any]] = {"cache_policy": NO_CACHE}
_REMOTE: Final[dict[str, Any]] = {
    **_LOCAL,
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _is_worth_a_retry,
}


def with_retries(task: Task[_P, _R], settings: TrainSettings) -> Task[_P, _R]:
    """Repeat a task, after the waits that the settings name, when its server does not answer."""
    delays: list[float] = list(settings.train_retry_delay_seconds)
    return task.with_options(retries=len(delays), retry_delay_seconds=delays)


@task(name="load-data", **_LOCAL)
def load_data(
    data_path: Path | None, params: Params, settings: TrainSettings
) -> tuple[TrainingData, DataReport]:
    """Read and check the data file; make that of the parameters if it is missing or another."""
    begin(Step.LOAD)
    path = provide_data_file(params, data_path, settings, logger.info)
    data = read_training_data(path, params)
    report = check_data(data.frame, data.fingerprints, data.provenance)
    logger.info("%d reviews (%d positive) from %s", report.n_rows, report.n_positive, path)
    for warning in report.warnings:
        logger.warning("%s: %s", path, warning)
    return data, report


@task(name="split-data", **_LOCAL)
def split_data(data: TrainingData, params: Params) -> Split:
    """Hold out rows for the evaluation."""
    begin(Step.SPLIT)
    return split_dataset(
        data.frame, data.fingerprints, test_size=params.data.test_size, seed=params.data.seed
    )


@task(name="train-model", **_LOCAL)
def train_model(split: Split, params: Params, settings: TrainSettings) -> LinearScorer:
    """Fit the estimator."""
    begin(Step.FIT)
    cluster = settings.sentiment_dask
    scorer = fit_scorer(split.frame, params, left_out=split.in_test, cluster=cluster)
    logger.info("The model has %d terms", scorer.n_terms)
    return scorer


@task(name="evaluate-model", **_LOCAL)
def evaluate_model(scorer: LinearScorer, test: pd.DataFrame) -> JudgedModel:
    """Score the held-out rows."""
    begin(Step.EVALUATE)
    judged = judge(scorer, test)
    logger.info(
        "On %d held-out reviews: %s",
        len(test),
        ", ".join(f"{name} {value}" for name, value in rounded(judged.evaluation).items()),
    )
    return judged


@task(name="load-unlabelled", **_LOCAL)
def load_unlabelled_reviews(
    source: str, data: TrainingData, settings: TrainSettings
) -> UnlabelledReviews:
    """Read reviews without labels, none of which is a labelled one."""
    begin(Step.LOAD_UNLABELLED)
    reviews = load_unlabelled(
        source, data.fingerprints, cache=settings.download_cache, columns=data.params.data.columns
    )
    logger.info("%d reviews without labels from %s", len(reviews.texts), reviews.source)
    return reviews


@task(name="train-semi-supervised", **_LOCAL)
def train_semi_supervised(
    train: pd.DataFrame, unlabelled: UnlabelledReviews, params: Params, settings: TrainSettings
) -> LinearScorer:
    """Fit the estimator on labelled and unlabelled reviews."""
    begin(Step.FIT_UNLABELLED)
    scorer = fit_scorer(train, params, unlabelled.texts, cluster=settings.sentiment_dask)
    logger.info("The model has %d terms", scorer.n_terms)
    return scorer


@task(name="refit-model", **_LOCAL)
def refit_model(
    judged: JudgedModel,
    data: TrainingData,
    split: Split,
    unlabelled: Sequence[str],
    settings: TrainSettings,
) -> LinearScorer:
    """Fit the estimator that will serve, on all rows."""
    begin(Step.REFIT)
    cluster = settings.sentiment_dask
    return refit(judged, data.frame, split.test, data.params, unlabelled, cluster=cluster)


@task(name="show-metrics", **_LOCAL)
def show_metrics(judged: JudgedModel) -> None:
    """Show the metrics on the run's page."""
    create_markdown_artifact(
        key="training-metrics",
        markdown=markdown_table(("metric", "value"), rounded(judged.evaluation)),
        description=f"Metrics on {len(judged.scores.labels)} held-out reviews",
    )


@task(name="write-curves", **_LOCAL)
def write_evaluation_curves(folder: Path, scores: HeldOutScores) -> None:
    """Write the curves for DVC and other tools to plot."""
    write_curves(folder, scores)


@task(name="log-mlflow", **_REMOTE)
def log_mlflow(model: TrainedModel, settings: TrainSettings, process: LivingProcess) -> LoggedModel:
    """Log the run, its data and its model."""
    begin(Step.LOG)
    logged = log_training(model, settings, process, flow_run_id=flow_run.id)
    logger.info("MLflow run %s", logged.run_id)
    return logged


@task(name="register-model", **_REMOTE)
def register_model(model: LoggedModel, settings: TrainSettings) -> str:
    """Register the logged model as a new version."""
    begin(Step.REGISTER)
    version = configured_registry(settings).register(model)
    logger.info("Registered as version %s of %s", version, settings.model_name)
    return version


@task(name="promote-champion", **_REMOTE)
def promote_champion(
    version: str, model: TrainedModel, checks: Sequence[BehaviourCheck], settings: TrainSettings
) -> Decision:
    """Let the better model serve."""
    begin(Step.PROMOTE)
    registry = configured_registry(settings)
    # What the store gives back counts, not what is in memory: the one serves, the other is judged.
    with registry.package(version) as folder:
        judged, trained_on = read_judged(folder, load_package(folder).scorer)
    rule, columns = model.params.promotion, model.params.data.columns
    if rule.reference is None:
        comparison = HeldOutComparison(
            registry, judged, model.split.test, model.split.test_fingerprints, rule,
            known=model.judged.scores, checks=checks,
        )  # fmt: skip
    else:
        rows, fingerprints = load_reference(Path(rule.reference), columns, trained_on)
        comparison = HeldOutComparison(
            registry, judged, rows, fingerprints, rule, kind="reference", checks=checks
        )  # fmt: skip
    return promote(registry, version, comparison)


@task(name="mark-challenger", **_REMOTE)
def mark_challenger(version: str, settings: TrainSettings) -> None:
    """Name the version as the candidate to try beside the champion."""
    begin(Step.MARK)
    former = configured_registry(settings).make_challenger(version)
    remark = f" (it was version {former})" if former else ""
    logger.info("Version %s is the challenger%s", version, remark)


@task(name="export-champion", **_REMOTE)
def export_champion(store: ObjectStore, settings: TrainSettings) -> str | None:
    """Export the champion for consumers without MLflow, unless they have it already."""
    begin(Step.EXPORT)
    version = keep_exported(configured_registry(settings), store)
    if version:
        logger.info("Exported version %s to %s", version, store.uri)
    else:
        logger.info("%s has the champion already", store.uri)
    return version
