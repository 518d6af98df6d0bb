"""An exception that nobody foresaw, as an error of ours: one sentence to keep, and its traceback in
the log alone.
"""

from __future__ import annotations

import logging
from traceback import format_tb

from icalbridge.errors import IcalbridgeError, WindowBroken

log = logging.getLogger(__name__)


def log_unexpected(error: Exception, what: str) -> WindowBroken:
    """Log where an exception came from, and return the error that says so.

    Neither repeats the exception's own text, which may hold what the vendor says of somebody,
    unless it is one of ours.
    """
    if isinstance(error, IcalbridgeError):
        reason = str(error)
    else:
        reason = f"an unexpected {type(error).__name__} broke it; the log says where"
    broken = WindowBroken(f"{what}: {reason}")
    log.error("%s:\n%s", broken, "".join(format_tb(error.__traceback__)).rstrip())
    return broken
