"""JSON lines on standard output, one each event. Review texts are never logged."""

import logging
import sys
import time
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from sentiment_core.redaction import redact_output

_NAMES: Final = {
    "asctime": "time",
    "levelname": "level",
    "name": "logger",
    "message": "message",
    "exc_info": "exception",
}
_FIELDS: Final = ("asctime", "levelname", "name", "message")
_CHATTY_LIBRARIES: Final = ("boto3", "botocore", "urllib3")


class EventFormatter(JsonFormatter):
    """Renders a record and its extra fields as one JSON object, with the time in UTC."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__(
            _FIELDS,
            rename_fields=_NAMES,
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
            json_default=str,
            json_ensure_ascii=False,
        )
        self.converter = time.gmtime

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Write levels in small letters."""
        return log_data | {"level": log_data["level"].lower()}


def configure_logging() -> None:
    """Send all logs of this process to standard output; only entry points call it."""
    redact_output()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(EventFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
