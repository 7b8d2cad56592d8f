"""The steps of a training, told through the log: to Prefect, to a terminal, to anyone who listens.

A record that begins a step carries it in its attribute ``step``.
"""

import logging
from enum import StrEnum

logger = logging.getLogger(__name__)


class Step(StrEnum):
    """What a training is doing."""

    LOAD = "Loading the data"
    SPLIT = "Holding out rows for the evaluation"
    FIT = "Fitting the model"
    EVALUATE = "Evaluating the model"
    LOAD_UNLABELLED = "Loading reviews without labels"
    FIT_UNLABELLED = "Learning from reviews without labels"
    REFIT = "Fitting the model on all rows"
    LOG = "Logging to MLflow"
    REGISTER = "Registering the model"
    PROMOTE = "Comparing with the champion"
    MARK = "Marking the challenger"
    EXPORT = "Exporting the champion"


def begin(step: Step) -> None:
    """Log that a step begins."""
    logger.info("%s", step, extra={"step": step})
