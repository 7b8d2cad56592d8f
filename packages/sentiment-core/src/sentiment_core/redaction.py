"""Keeps secrets out of everything that this process says: one rule for logs, errors and answers.

`sentiment_core.environment` tells this module the secrets that it reads. Entry points call
`redact_output` for all that they print, and errors of this project are redacted by themselves; what
leaves in another way (tags, answers, Prefect's log) goes through `redact`.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast
from urllib.parse import quote

MASK: Final = "***"
SHORTEST_SECRET: Final = 4
"""Characters below which a value is no secret: masking it would only garble sentences."""

_USER_INFO: Final = re.compile(r"(?<=://)[^/\s@\"']+@")


class Redactor:
    """Replaces secrets by a mask.

    Examples
    --------
    >>> redactor = Redactor()
    >>> redactor.learn(["opensesame"])
    >>> redactor("opensesame failed at postgresql://me@host/db")
    '*** failed at postgresql://***@host/db'
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lifted = False

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these values from now on, also in the forms that URLs and JSON give them.

        Parameters
        ----------
        secrets : iterable of str
            Values; those of fewer than `SHORTEST_SECRET` characters are passed over.
        """
        added = {value for value in secrets if len(value) >= SHORTEST_SECRET} - self._secrets
        if not added:
            return
        self._secrets |= added
        forms = {form for secret in self._secrets for form in _forms(secret)}
        # The longest first: one secret may begin as another does.
        alternatives = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, alternatives)))

    def __call__(self, text: str) -> str:
        """Return a text without the secrets, and without the user that a URL names."""
        if self._lifted:
            return text
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _USER_INFO.sub(f"{MASK}@", text) if "://" in text else text

    def forget(self) -> None:
        """Mask no value any more; tests share a process, but no secrets."""
        self._secrets.clear()
        self._pattern = None

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Mask nothing meanwhile: for the command whose purpose it is to show secrets."""
        self._lifted = True
        try:
            yield
        finally:
            self._lifted = False


redact: Final = Redactor()
"""The redactor of this process."""


def redact_output() -> None:
    """Mask secrets in all text that this process prints from now on; only entry points call it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _RedactedStream):
            setattr(sys, name, cast("TextIO", _RedactedStream(stream)))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]


class _RedactedStream:
    """A text stream whose writes are redacted; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
