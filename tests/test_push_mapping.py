"""`icalbridge.push.mapping`: which timeslots the vendor shall have, by its rules; and what cannot be,
and why.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from icalbridge.push.ics_parser import parse_calendar, span_at
from icalbridge.push.mapping import PushRequests, map_calendar
from icalbridge.push.places import parse_places
from tests.fixtures.pushing import ZONE, at, calendar, event, utc
from tests.test_push_places import KNOWN

NOW = utc(2026, 11, 21, 20)


def _wish(*events: tuple[str, ...], now: datetime = NOW, zone: str = ZONE) -> PushRequests:
    table = parse_places(KNOWN, {"school": zone}, ["gym"])
    return map_calendar(parse_calendar(calendar(*events), span_at(now)), table, now)


def _slots(content: PushRequests) -> list[tuple[str, datetime, datetime]]:
    return [(item.id, item.start, item.end) for event in content.events for item in event.slots]


def _parts(content: PushRequests) -> list[tuple[str, datetime, datetime]]:
    return [
        (part.id, part.start, part.end)
        for event in content.events
        for slot in event.slots
        for part in slot.parts
    ]


def test_whole_day_ends_a_minute_early() -> None:
    """A timeslot must end on its day (vendor: UpdateTimeslotDto); and that is said."""
    content = _wish(("UID:d", "DTSTART;VALUE=DATE:20261201"))
    assert _slots(content) == [("single", utc(2026, 12, 1, 8), utc(2026, 12, 2, 7, 59))]
    assert content.notes == ("1 instance is for whole days: from 00:00 to 23:59.",)


def test_what_goes_past_midnight_is_one_timeslot_with_one_a_day_in_reserve() -> None:
    """Midnight is that of the property; what is over by then is in no part."""
    lines = ("UID:n", at("20261201", "200000"), at("20261203", "013000", "DTEND"))
    content = _wish(lines)
    parts = [
        ("single", utc(2026, 12, 2, 4), utc(2026, 12, 2, 7, 59)),
        ("single.2", utc(2026, 12, 2, 8), utc(2026, 12, 3, 7, 59)),
        ("single.3", utc(2026, 12, 3, 8), utc(2026, 12, 3, 9, 30)),
    ]
    assert _slots(content) == [("single", utc(2026, 12, 2, 4), utc(2026, 12, 3, 9, 30))]
    assert _parts(content) == parts
    assert content.notes == (
        (
            "1 instance is on more than one day: one booking, or, where Facilitron refuses that,"
            " one a day, the earlier ones until 23:59."
        ),
    )
    begun = _wish(lines, now=utc(2026, 12, 2, 8))
    assert (_slots(begun), _parts(begun)) == (_slots(content), parts[1:])
    assert begun.past == {("n", "single")}


def test_what_lasts_until_midnight_is_on_one_day() -> None:
    """So it can be moved; several whole days too end at 23:59."""
    content = _wish(("UID:n", at("20261201", "200000"), at("20261202", "000000", "DTEND")))
    assert _slots(content) == [("single", utc(2026, 12, 2, 4), utc(2026, 12, 2, 7, 59))]
    assert _parts(content) == []
    content = _wish(("UID:d", "DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20270101"))
    assert _slots(content) == [("single", utc(2026, 12, 1, 8), utc(2027, 1, 1, 7, 59))]
    assert len(_parts(content)) == 31


def test_floating_time_is_the_propertys() -> None:
    """And that is said."""
    content = _wish(("UID:f", "DTSTART:20261201T180000", "DURATION:PT1H"), zone="America/New_York")
    assert _slots(content) == [("single", utc(2026, 12, 1, 23), utc(2026, 12, 2))]
    assert content.notes == (
        "1 instance is without a time zone, and read on the clock of the facility's property.",
    )


def test_name_and_activity_are_as_long_as_they_may_be() -> None:
    """On one line; an instance's own name is the activity, and nothing is Reserved."""
    weekly = event("w", "20261201", "RRULE:FREQ=WEEKLY;COUNT=2", name="N" * 120)
    exception = event(
        "w", "20261208", at("20261208", "180000", "RECURRENCE-ID"), name="A\\nB" * 100
    )
    content = _wish(weekly, exception, ("UID:x", at("20261201", "200000"), "DURATION:PT1H"))
    assert [item.name for item in content.events] == ["N" * 99 + "…", "Reserved"]
    assert [item.activity for item in content.events[0].slots] == ["", ("A B" * 100)[:249] + "…"]


IMPOSSIBLE = {
    "no length": (("UID:z", at("20261201", "180000")), "it lasts less than a minute"),
    "half a minute before midnight": (
        ("UID:z", at("20261201", "235930"), at("20261202", "000000", "DTEND")),
        "it lasts less than a minute",
    ),
    "second pass of the repeated hour": (
        ("UID:z", "DTSTART:20271107T093000Z", "DTEND:20271107T110000Z"),
        "its start is in the hour that the clock repeats, which cannot be told",
    ),
    "months": (
        ("UID:z", "DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20270301"),
        "it lasts more than 31 days",
    ),
    "centuries": (
        ("UID:z", "DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20991231"),
        "it lasts more than 31 days",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_the_vendor_cannot_have_is_impossible(name: str) -> None:
    """And why, in words."""
    lines, why = IMPOSSIBLE[name]
    content = _wish(lines)
    assert (content.events, [item.why for item in content.impossible]) == ((), [why])


def test_what_is_over_is_not_wanted() -> None:
    """What is on is."""
    content = _wish(event("over", "20261201"), event("on", "20261202"), now=utc(2026, 12, 3, 3))
    assert [item.uid for item in content.events] == ["on"]


def test_what_is_more_than_two_years_ahead_is_requested() -> None:
    """That bound is published for changes only; whether it is one of creations the vendor says."""
    content = _wish(event("last", "20281119"), event("later", "20281122"))
    assert [item.uid for item in content.events] == ["last", "later"]
    assert content.impossible == ()


def test_wishes_are_the_same_but_for_what_is_over() -> None:
    """What a watch goes by."""
    weekly = event("w", "20261201", "RRULE:FREQ=WEEKLY;COUNT=3")
    later = NOW + timedelta(days=12)
    assert _wish(weekly).since(later) == _wish(weekly, now=later).since(later)
    assert _wish(weekly).since(NOW) != _wish(weekly, now=later).since(NOW)
