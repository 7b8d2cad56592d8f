"""The flow that cleans the registry on a schedule."""

from prefect import flow

from sentiment_train.flows.run_logs import sent_to_prefect
from sentiment_train.registry.export import configured_export
from sentiment_train.registry.retention import Cleaning, clean_registry, purge, terms_of
from sentiment_train.registry.versions import configured_registry
from sentiment_train.running.environment import configure_runtime


@flow(name="sentiment-retention", persist_result=False)
def clean_old_versions() -> Cleaning:
    """Delete the versions, runs and exports that RETENTION_VERSIONS and RETENTION_DAYS let go.

    Returns
    -------
    Cleaning
        What was deleted.

    Raises
    ------
    SentimentError
        If the registry or the store does not answer; the next time goes on.
    """
    settings = configure_runtime()
    store = configured_export(settings)
    with sent_to_prefect():
        done = clean_registry(
            configured_registry(settings),
            store,
            settings.mlflow_experiment_name,
            terms_of(settings),
        )
        purge(settings.tracking_uri, settings.retention_days)
    return done
