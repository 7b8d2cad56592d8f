"""JSON lines on standard output, one each event. Review texts are never logged."""

import json
import logging
import sys
import time
from typing import Any, Final

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "asctime",
    "color_message",
    "message",
}


class JsonFormatter(logging.Formatter):
    """Renders a record and its extra fields as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record.

        Parameters
        ----------
        record : LogRecord
            The event.

        Returns
        -------
        str
            One line.
        """
        event: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str, ensure_ascii=False)


def configure_logging() -> None:
    """Send all logs of this process to standard output; only entry points call it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
