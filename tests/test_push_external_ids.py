"""`icalbridge.push.instances`: external ids that the vendor takes, the same every time, and never
two alike.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis.strategies import integers, text

from icalbridge.push.instances import event_id, instance_id, number_of


def test_ids_stay_as_they_are() -> None:
    """What was pushed by an older version must be found again."""
    assert event_id("season", "weekly@example.org", 0) == "ib-7e3781a1f96a21642cad5f65-0"


@given(text(), text(), integers(0, 10_000))
def test_event_id_is_one_that_the_vendor_takes(source: str, uid: str, number: int) -> None:
    """3 to 50 letters, digits, `.`, `-` and `_`, whatever the UID; and it tells its number."""
    made = event_id(source, uid, number)
    assert re.fullmatch(r"[a-zA-Z0-9._-]{3,50}", made)
    assert number_of(made) == number


def test_source_and_uid_do_not_run_together() -> None:
    """Nor do two calendars share an event."""
    assert event_id("a b", "c", 0) != event_id("a", "b c", 0)
    assert event_id("a", "c", 0) != event_id("b", "c", 0)


def test_instance_is_named_by_its_moment() -> None:
    """In whatever zone its RECURRENCE-ID is told; days and floating times have names of their own."""
    moment = datetime(2026, 12, 1, 18, tzinfo=timezone(timedelta(hours=-8)))
    assert instance_id(moment) == instance_id(moment.astimezone(UTC)) == "20261202T020000Z"
    assert instance_id(datetime.fromisoformat("2026-12-01T18:00")) == "20261201T180000"
    assert instance_id(date(2026, 12, 1)) == "20261201"
