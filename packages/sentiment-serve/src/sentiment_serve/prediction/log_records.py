"""What the prediction log records, and how a line looks."""

import hmac
import json
import secrets
import sys
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from sentiment_core.labels import Sentiment
from sentiment_core.prediction import Prediction
from sentiment_serve.model.cache import LoadedModel

_LABEL_BYTES: Final = 500


class TextRule:
    """What is recorded of a text.

    Parameters
    ----------
    key : bytes
        Key of the hash that stands for a text; if it is empty, one that nobody knows.
    with_text : bool
        Whether to record the text itself too.
    """

    def __init__(self, *, key: bytes, with_text: bool) -> None:
        self._key = key or secrets.token_bytes(32)
        self._with_text = with_text

    def fields(self, text: str) -> dict[str, object]:
        """Return what is recorded of a text."""
        content = text.encode("utf-8", "replace")
        fields: dict[str, object] = {
            "text_hmac": hmac.new(self._key, content, "sha256").hexdigest()
        }
        return fields | {"text": text} if self._with_text else fields


class Record(Protocol):
    """Something that the log records of a request."""

    @property
    def type(self) -> str:
        """What kind of record it is."""

    @property
    def request_id(self) -> str:
        """The request that it belongs to; in a batch, with the position of the text."""

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, roughly."""

    def fields(self, texts: TextRule) -> dict[str, object]:
        """Return what is recorded."""


class PredictionRecord(NamedTuple):
    """One labelled text."""

    request_id: str
    model: LoadedModel
    text: str
    prediction: Prediction

    @property
    def type(self) -> str:  # noqa: D102 - as in the protocol
        return "prediction"

    @property
    def size(self) -> int:  # noqa: D102 - as in the protocol
        return sys.getsizeof(self.text)

    def fields(self, texts: TextRule) -> dict[str, object]:  # noqa: D102 - as in the protocol
        return {
            "version": self.model.version,
            "alias": self.model.alias,
            **self.prediction._asdict(),
            "terms_matched": len(self.model.scorer.explain(self.text).terms),
            **texts.fields(self.text),
        }


class FeedbackRecord(NamedTuple):
    """The true label of an earlier prediction, which has the same request id."""

    request_id: str
    version: str
    sentiment: Sentiment
    label: Sentiment

    @property
    def type(self) -> str:  # noqa: D102 - as in the protocol
        return "feedback"

    @property
    def size(self) -> int:  # noqa: D102 - as in the protocol
        return _LABEL_BYTES

    def fields(self, texts: TextRule) -> dict[str, object]:  # noqa: D102, ARG002 - as in the protocol
        return {
            "version": self.version,
            "sentiment": self.sentiment,
            "label": self.label,
            "correct": self.sentiment == self.label,
        }


class Entry(NamedTuple):
    """A record as it waits to be written.

    Attributes
    ----------
    number : int
        Which record of its worker it is.
    time : float
        When the request was answered, in seconds since 1970.
    record : Record
        What is recorded.
    """

    number: int
    time: float
    record: Record

    def render(self, worker: str, texts: TextRule) -> bytes:
        """Make a line: a JSON object in UTF-8, with the end of its line.

        Parameters
        ----------
        worker : str
            A name that no other worker has; with the number it is that of the record.
        texts : TextRule
            What is recorded of texts.
        """
        content = {
            "type": self.record.type,
            "id": f"{worker}-{self.number}",
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds"),
            "request_id": self.record.request_id,
            **self.record.fields(texts),
        }
        # What cannot be encoded, in the name of a version for example, must not stop the log.
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
