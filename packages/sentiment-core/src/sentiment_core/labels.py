"""The two classes and how a probability becomes one of them."""

from collections.abc import Mapping
from typing import Final, Literal

Sentiment = Literal["negative", "positive"]

SENTIMENTS: Final[tuple[Sentiment, Sentiment]] = ("negative", "positive")
"""Class names, indexed by the label in the data (0 or 1)."""

LabelNames = Mapping[Sentiment, str]
"""What people call each class, where they call it otherwise."""

OWN_NAMES: Final[LabelNames] = {sentiment: sentiment for sentiment in SENTIMENTS}
"""Where nobody calls them otherwise."""

MAX_LABEL_LENGTH: Final = 50

DECISION_THRESHOLD: Final = 0.5


def classify(probability: float) -> tuple[Sentiment, float]:
    """Turn the probability of the positive class into a label and a confidence.

    Parameters
    ----------
    probability : float in [0, 1]
        Probability that the text is positive.

    Returns
    -------
    sentiment : {"negative", "positive"}
        The more probable class; a tie is positive.
    confidence : float in [0.5, 1]
        Probability of that class.

    Examples
    --------
    >>> classify(0.25)
    ('negative', 0.75)
    """
    if probability >= DECISION_THRESHOLD:
        return "positive", probability
    return "negative", 1.0 - probability
