"""What can go wrong between the registry and a loaded model."""

from sentiment_core.errors import SentimentError


class SourceUnreachableError(SentimentError):
    """The registry or the store does not answer: try again later."""


class AliasNotSetError(SentimentError):
    """The registry answers, but no version has the alias."""


class BadVersionError(SentimentError):
    """The version's files are missing, damaged or fail their checks: do not try again."""
