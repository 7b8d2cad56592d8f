"""Signs of life while a command works: those of the training package, which downloads show too."""

from sentiment_train.progress import progress

__all__ = ["progress"]
