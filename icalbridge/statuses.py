"""The vendor's status words: how they are compared, which are known, and which count as approved.

Words are compared without regard to case, surrounding blanks and the American spelling of
`cancelled`. Vendor page "Data Restrictions": `Approved`, `Pending`, `Cancelled` and `Declined` are
"common values", so there may be others.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

APPROVED = "approved"
NOT_COUNTED = "approved (not counted)"
"""Status of an entry whose event is approved, where the operator does not count that as approved.
"""
EVENT_STATUSES = frozenset({APPROVED, "pending", "cancelled", "declined"})
TIMESLOT_STATUSES = frozenset({"active", "suspended"})
MAX_NAME_LENGTH = 40

_CANCELED = re.compile(r"\bcanceled\b")
_FIRST_WORD = re.compile(r"[a-z]*")


@lru_cache(maxsize=1024)  # every timeslot of every answer has one
def normalize_status(text: str | None) -> str:
    """Return a status word as it is compared: lower case, single blanks, `cancelled` in the
    vendor's spelling.
    """
    return _CANCELED.sub("cancelled", " ".join((text or "").replace("\0", "").split()).lower())


def is_cancelled(status: str) -> bool:
    """Return whether a normalized status means cancelled, also as the first word of several."""
    return _FIRST_WORD.match(status)[0] == "cancelled"  # type: ignore[index]  # it matches every text


def is_called_off(status: str) -> bool:
    """Return whether a normalized status means cancelled or declined, also as the first word of
    several.
    """
    return is_cancelled(status) or _FIRST_WORD.match(status)[0] == "declined"  # type: ignore[index]  # as above


def entry_status(status: str, approved: Collection[str]) -> str:
    """Return the status that an event's entries get in place of its own; empty: none.

    `approved`: the normalized words that count as approved.
    """
    if status == APPROVED:
        return "" if status in approved else NOT_COUNTED
    return APPROVED if status in approved else ""


def status_name(status: str) -> str:
    """Return a status as counters name it: printable, at most 40 characters, `(none)` for an empty
    one.
    """
    printable = "".join(character for character in status if character.isprintable())
    return printable[:MAX_NAME_LENGTH].strip() or "(none)"
