"""Logging for the commands: one line a record on stderr, as text or as one JSON object, times in UTC."""

from __future__ import annotations

import json
import logging
import sys
import time


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def start_logging(log_format: str, *, level: str) -> None:
    """Send every record of a level and above to stderr; third parties' chatter only when it warns."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _Json() if log_format == "json" else _Text()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("icalbridge").setLevel(level)
