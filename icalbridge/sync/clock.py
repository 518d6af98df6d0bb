"""The clock of record is the database's: leases, due times and quotas hold for workers on machines
that disagree.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError
from icalbridge.models import utcnow

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.store import Store

COMPARE_SECONDS = 60
"""How often the two clocks are compared; in between the machine's own is trusted to run evenly."""
JUMP_SECONDS = 2
"""They are also compared when the machine's clock was set: when it moved so much more or less than
time passed.
"""


class DatabaseClock:
    """Tells the database's moment, in UTC and whole seconds, without asking it each time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead = timedelta()
        self._compare_at = 0.0
        self._offset = 0.0

    def __call__(self) -> datetime:
        if (
            time.monotonic() >= self._compare_at
            or abs(_wall_offset() - self._offset) > JUMP_SECONDS
        ):
            self._compare()
        return (utcnow() + self._ahead).replace(microsecond=0)

    def _compare(self) -> None:
        try:
            database_now = self._store.now()
        except StoreError:
            return  # whoever asks next for more than the time will say so
        self._ahead = database_now - utcnow() if database_now else timedelta()
        self._compare_at = time.monotonic() + COMPARE_SECONDS
        self._offset = _wall_offset()


def _wall_offset() -> float:
    """Return the machine's clock less its monotonic one, in seconds: it changes only when the clock
    is set.
    """
    return utcnow().timestamp() - time.monotonic()
