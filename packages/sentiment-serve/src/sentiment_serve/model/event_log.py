"""What the log says of the models: each change once."""

import logging

from sentiment_core.registry_names import CHAMPION
from sentiment_serve.model.cache import LoadedModel
from sentiment_serve.model.holder import (
    Absent,
    Dropped,
    Loaded,
    ModelEvent,
    Recovered,
    Refused,
    Unreachable,
)

logger = logging.getLogger(__name__)


def log_model_event(event: ModelEvent) -> None:
    """Log a change; a subscriber of the holder."""
    match event:
        case Loaded(model) if model.from_cache:
            logger.warning(
                "serving %s version %s from the cache until the registry answers",
                model.name,
                model.version,
            )
        case Loaded(model):
            logger.info("serving %s version %s as @%s", model.name, model.version, model.alias)
        case Dropped(model):
            logger.info("no longer serving %s version %s", model.name, model.version)
        case Refused(alias, refusal):
            logger.error("refused version %s (@%s): %s", refusal.version, alias, refusal.reason)
        case Absent(alias, reason, serving):
            level = logging.WARNING if alias == CHAMPION else logging.INFO
            logger.log(level, "%s%s", reason, _what_serves(serving))
        case Unreachable(_, outage, True, serving):
            logger.warning("%s%s", outage.reason, _what_serves(serving))
        case Recovered():
            logger.info("the registry answers again")


def _what_serves(model: LoadedModel | None) -> str:
    return " The model in use keeps serving." if model else ""
