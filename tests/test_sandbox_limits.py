"""`icalbridge.sandbox.limits`: requests in any minute and in a UTC day, at the exact border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from icalbridge.sandbox.limits import Limits

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_minute_is_the_60_seconds_before() -> None:
    """The request after the last allowed one waits until the first is 60 s old, to the microsecond."""
    limits = Limits(rate_per_minute=2, quota_per_day=100)
    assert [limits.allow(NOON), limits.allow(NOON + timedelta(seconds=30))] == [True, True]
    assert not limits.allow(NOON + timedelta(seconds=60) - timedelta(microseconds=1))
    assert limits.allow(NOON + timedelta(seconds=60))
    assert not limits.allow(NOON + timedelta(seconds=60))


def test_day_ends_at_midnight_utc() -> None:
    """The quota is full again at 00:00 UTC, not a microsecond earlier, in whatever zone the clock
    speaks.
    """
    limits = Limits(rate_per_minute=100, quota_per_day=2)
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    allowed = [limits.allow(NOON) for _ in range(3)]
    assert allowed == [True, True, False]
    assert not limits.allow(midnight - timedelta(microseconds=1))
    assert limits.allow(midnight.astimezone(timezone(timedelta(hours=-8))))
    assert limits.used == 1


def test_refused_requests_count_against_nothing() -> None:
    """Asking too often does not make it worse."""
    limits = Limits(rate_per_minute=1, quota_per_day=2)
    assert [limits.allow(NOON) for _ in range(10)] == [True, *[False] * 9]
    assert limits.used == 1
    assert limits.allow(NOON + timedelta(minutes=1))
