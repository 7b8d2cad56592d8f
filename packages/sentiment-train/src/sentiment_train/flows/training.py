"""The training flow, as Prefect shows and runs it."""

import logging
from pathlib import Path

from prefect import flow

from sentiment_core.params import Params, load_params
from sentiment_train.data.split import Split
from sentiment_train.data.training_data import TrainingData
from sentiment_train.flows import tasks
from sentiment_train.flows.run_logs import sent_to_prefect
from sentiment_train.flows.tasks import with_retries
from sentiment_train.liveness import living_process
from sentiment_train.model.behaviour import promotion_checks
from sentiment_train.model.trained import JudgedModel, TrainedModel, UnlabelledTrial
from sentiment_train.registry.export import configured_export
from sentiment_train.results import TrainingResult
from sentiment_train.running.dead_flow_runs import mark_flow_run
from sentiment_train.running.environment import configure_runtime
from sentiment_train.settings import TrainSettings

logger = logging.getLogger(__name__)


@flow(name="sentiment-training", persist_result=False)
def train_sentiment_model(
    data_path: str | None = None,
    params: Params | None = None,
    register_model: bool = True,
    promote: bool = False,
    curves_folder: str | None = None,
    mark_challenger: bool = False,
) -> TrainingResult:
    """Train on labelled reviews, log to MLflow, register, and promote if better.

    Parameters
    ----------
    data_path : str, optional
        CSV file with the columns text,label, taken as it is; none takes data.path, and makes the
        file if it is missing or was made with other parameters.
    params : Params, optional
        The experiment's choices; none reads params.yaml in the working directory.
    register_model : bool, default True
        Register the model as a new version.
    promote : bool, default False
        Make the new version champion if it is better than the current one, and not by chance.
    curves_folder : str, optional
        Also write the evaluation's curves into this folder, as plain tables.
    mark_challenger : bool, default False
        Make the new version the challenger, unless it was promoted.

    Returns
    -------
    TrainingResult
        What was made and decided.

    Raises
    ------
    SentimentError
        If the parameters or the data are not usable.
    """
    settings = configure_runtime()
    params = params or load_params(Path("params.yaml"))
    path = Path(data_path) if data_path else None
    store = configured_export(settings)
    with sent_to_prefect(), living_process(settings.home) as process:
        mark_flow_run(process)
        # A file that is missing is told before the work, not after it.
        checks = promotion_checks(params.promotion) if promote else []
        data, data_report = tasks.load_data(path, params, settings)
        split = tasks.split_data(data, params)
        scorer = tasks.train_model(split, params, settings)
        judged = tasks.evaluate_model(scorer, split.test)
        trial = _try_unlabelled(judged, data, split, settings)
        if trial and trial.helps:
            judged = trial.judged
        tasks.show_metrics(judged)
        if curves_folder:
            tasks.write_evaluation_curves(Path(curves_folder), judged.scores)
        scorer = judged.scorer
        if params.data.refit:
            texts = trial.reviews.texts if trial and trial.helps else ()
            scorer = tasks.refit_model(judged, data, split, texts, settings)
        model = TrainedModel(scorer, judged, split, data, data_report, trial)
        logged = with_retries(tasks.log_mlflow, settings)(model, settings, process)
        version = decision = None
        challenger = False
        if register_model:
            version = with_retries(tasks.register_model, settings)(logged, settings)
            if promote:
                promoting = with_retries(tasks.promote_champion, settings)
                decision = promoting(version, model, checks, settings)
            challenger = mark_challenger and not (decision and decision.promoted)
            if challenger:
                with_retries(tasks.mark_challenger, settings)(version, settings)
            if store:
                # Also after a run that moved nothing: the export of another may have failed.
                with_retries(tasks.export_champion, settings)(store, settings)
    return TrainingResult(
        run_id=logged.run_id,
        metrics=judged.evaluation.metrics(),
        scorer_digest=scorer.digest,
        unlabelled=str(trial) if trial else None,
        model_version=version,
        decision=decision,
        challenger=challenger,
    )


def _try_unlabelled(
    without: JudgedModel, data: TrainingData, split: Split, settings: TrainSettings
) -> UnlabelledTrial | None:
    """Learn from reviews without labels too, if the parameters name some, and say what it gave."""
    source = data.params.data.unlabelled
    if source is None:
        return None
    reviews = tasks.load_unlabelled_reviews(source, data, settings)
    scorer = tasks.train_semi_supervised(split.train, reviews, data.params, settings)
    trial = UnlabelledTrial(reviews, tasks.evaluate_model(scorer, split.test), without)
    logger.info("%s", trial)
    return trial
