"""Errors that a user can act on. Each message says what is wrong and what to do."""


class SentimentError(Exception):
    """Base of every error this project raises on purpose."""


class ParamsError(SentimentError):
    """A training parameter is missing, unknown or out of range."""


class DataError(SentimentError):
    """A data set cannot be read or is not a labelled review data set."""


class BlankTextError(SentimentError):
    """A text holds nothing but white space, so there is nothing to label."""


class ScorerError(SentimentError):
    """A scorer file is damaged, foreign or of an unknown format version."""


class ModelPackageError(ScorerError):
    """A model package is incomplete or fails its own self-test."""


class UnreachableError(SentimentError):
    """A server that the settings name does not answer."""
