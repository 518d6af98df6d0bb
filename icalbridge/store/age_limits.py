"""Age limits: how old fetched data may be before an operator should look. Pure.

A limit is twice the interval at which the data is fetched, as `sync.schedule` stretches it to fit
the quota, and a quarter of an hour for retries. `status --check` and `/metrics` share them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.store.leases import CATALOG_SECONDS, READ_DAYS

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.settings import Settings
    from icalbridge.store.health import Freshness, Health

INTERVALS = 2
GRACE_SECONDS = 900
CRITICAL_FACTOR = 2
"""At this multiple of its limit, an age is critical."""
STRETCH_LIMIT = 10
"""A plan that is stretched more than this needs a larger quota or longer intervals."""


def age_limit(interval: float) -> float:
    """Return how old data may be that is fetched at an interval, in seconds."""
    return INTERVALS * interval + GRACE_SECONDS


CATALOG_LIMIT = age_limit(CATALOG_SECONDS)


class AgeLimits:
    """How old the data of each property may be at one moment, in seconds."""

    def __init__(self, settings: Settings, health: Health, now: datetime) -> None:
        self._read = _read(health, now)
        factor = _factor(settings, health, self._read)
        self._today = age_limit(settings.month_seconds * factor)
        self._oldest = age_limit(settings.year_seconds * factor)
        self._unread = age_limit(settings.unread_seconds * factor)

    def today(self, freshness: Freshness) -> float:
        """Limit of `today_synced`: the month has what a district's day lacks."""
        return self._today if freshness.property_id in self._read else self._unread

    def oldest(self, freshness: Freshness) -> float:
        """Limit of `oldest_synced`."""
        return self._oldest if freshness.property_id in self._read else self._unread


def _read(health: Health, now: datetime) -> frozenset[str]:
    """Return the properties that somebody reads; who reads a district reads its schools."""
    families = [
        (state.property_id, *state.child_ids)
        for state in health.properties
        if state.read_at and now - state.read_at <= timedelta(days=READ_DAYS)
    ]
    return frozenset(property_id for family in families for property_id in family)


def _factor(settings: Settings, health: Health, read: frozenset[str]) -> float:
    """Return by how much the intervals of months and years are stretched at most.

    `Health.stretch` is that of the interval which is stretched most. With a school outside of any
    district this is its day, which gets as slow as a month before anything else is stretched.
    """
    covered = {
        property_id
        for state in health.properties
        if state.child_ids
        for property_id in (state.property_id, *state.child_ids)
    }
    if read <= covered:
        return health.stretch
    return max(1.0, health.stretch * settings.today_seconds / settings.month_seconds)
