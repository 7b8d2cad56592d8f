"""Errors that a user can act on. Each message says what is wrong and what to do.

* SentimentError
  * InvalidError: what was given is wrong
    - ParamsError
    - DataError
    - SettingsError
    - InputError
      - BlankTextError
  * NotFoundError: what was named is not there
    - AliasNotSetError
  * ConflictError: the present state does not allow it
    - NotReadyError
  * AccessError: a server answers, but not this caller
    - DeniedError
    - RefusedError
  * UnreachableError: a server does not answer; a later try may succeed
  * ModelError: a model cannot be used; another try changes nothing
    - ScorerError
      - ModelPackageError
    - ParityError
  * RunError: a program or a run that was started has failed
    - MissingProgramError

Callers decide by class or by `code`, never by words of the message. Errors take their message
alone, so that they survive pickling between processes.
"""

from typing import ClassVar

from sentiment_core.redaction import redact


class SentimentError(Exception):
    """Base of every error this project raises on purpose."""

    code: ClassVar[str] = "error"
    """Stable name for scripts, logs and API answers."""

    def __str__(self) -> str:
        """Return the message without secrets, wherever it goes from here."""
        return redact(super().__str__())


class InvalidError(SentimentError):
    """What was given is wrong: correct it and try again."""

    code = "invalid"


class ParamsError(InvalidError):
    """A training parameter is missing, unknown or out of range."""

    code = "invalid-params"


class DataError(InvalidError):
    """A data set cannot be read or is not a labelled review data set."""

    code = "invalid-data"


class SettingsError(InvalidError):
    """A setting, or the file of a secret, cannot be used."""

    code = "invalid-setting"


class InputError(InvalidError):
    """An argument or a text of a request is not acceptable."""

    code = "invalid-input"


class BlankTextError(InputError):
    """A text holds nothing that could be labelled."""

    code = "blank-text"


class NotFoundError(SentimentError):
    """A version, object, deployment or file that was named does not exist."""

    code = "not-found"


class AliasNotSetError(NotFoundError):
    """The registry answers, but no version has the alias."""

    code = "alias-not-set"


class ConflictError(SentimentError):
    """The present state does not allow it, or somebody else changes it at the same time."""

    code = "conflict"


class NotReadyError(ConflictError):
    """Something has to be made or started first."""

    code = "not-ready"


class AccessError(SentimentError):
    """A server answers, but does not do it for this caller."""

    code = "access"


class DeniedError(AccessError):
    """Credentials are missing, wrong or not sufficient."""

    code = "denied"


class RefusedError(AccessError):
    """The server understands the request and does not accept it."""

    code = "refused"


class UnreachableError(SentimentError):
    """A server that the settings name does not answer, or fails: a later try may succeed."""

    code = "unreachable"


class ModelError(SentimentError):
    """A model cannot be used; another try changes nothing."""

    code = "bad-model"


class ScorerError(ModelError):
    """A scorer file is damaged, foreign or of an unknown format version."""

    code = "bad-scorer"


class ModelPackageError(ScorerError):
    """A model package is incomplete or fails its own self-test."""

    code = "bad-model-package"


class ParityError(ModelError):
    """The portable scorer does not predict what scikit-learn predicts."""

    code = "parity"


class RunError(SentimentError):
    """A program or a run that was started has failed."""

    code = "run-failed"


class MissingProgramError(RunError):
    """A program or package that this needs is not installed."""

    code = "missing-program"


def error_classes() -> list[type[SentimentError]]:
    """List every class of the tree, base classes first.

    Returns
    -------
    list of type
        Also those that other packages have derived, where they are imported.
    """
    found: list[type[SentimentError]] = [SentimentError]
    for cls in found:
        found += [derived for derived in cls.__subclasses__() if derived not in found]
    return found
