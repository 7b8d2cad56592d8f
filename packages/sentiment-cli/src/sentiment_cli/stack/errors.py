"""What goes wrong with the local stack."""

from sentiment_core.errors import SentimentError


class StackError(SentimentError):
    """The local stack does not start or stop as it should."""
