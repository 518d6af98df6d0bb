"""Logging for the commands, on stderr, times in UTC: as text for people, or as JSON for programs.

Text is one line a record, with what no terminal should get escaped; a traceback, if any, follows on
lines of its own. JSON is one object a line, in ASCII, so that no locale can break it:

    time        when, such as 2026-11-21T20:00:00Z
    level       debug, info, warning, error or critical
    logger      name of the logger: icalbridge.… is ours
    message     what happened, in one sentence
    exception   the traceback; only where there is one

The key never gets into a message of ours, nor does the token of a private address. Should a library
repeat one, it is cut out here.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

from icalbridge.tokens import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_stray = logging.getLogger("icalbridge.stderr")


class _Text(logging.Formatter):
    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n")
        return "\n".join(_printable(_without(self._secrets, line)) for line in lines)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        record.message = _printable(record.message)
        return super().formatMessage(record)


class _Json(logging.Formatter):
    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        values = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: _without(self._secrets, text) for name, text in values.items()})


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return redacted(text)


def _printable(text: str) -> str:
    """Escape line breaks, control characters and halves of surrogate pairs as Python writes
    them.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class _Lines(io.TextIOBase):
    """Stream that logs each line written to it: what a library prints on stderr."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            _stray.error("%s", line.strip())
        return len(text)


def log_everything() -> None:
    """Turn warnings, uncaught exceptions and whatever else would be printed on stderr into
    records.
    """
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )
    sys.stderr = _Lines()


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None and not issubclass(kind, (KeyboardInterrupt, SystemExit)):
        _stray.critical("an unexpected error happened", exc_info=(kind, error, trace))


def start_logging(log_format: str, *, level: str, secrets: Sequence[str] = ()) -> None:
    """Send every record of a level and above to stderr; third parties' chatter only when it warns.

    `log_format` is `text` or `json`; `secrets`, the keys, are shown in no record.
    """
    handler = logging.StreamHandler(sys.stderr)
    formatter = _Json(secrets) if log_format == "json" else _Text(secrets)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("icalbridge").setLevel(level)
