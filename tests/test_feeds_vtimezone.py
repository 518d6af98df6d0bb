"""`icalbridge.feeds.formats.vtimezone`: a VTIMEZONE that says what the zone does, or is not used."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import pytest
from dateutil.rrule import rrulestr

from icalbridge import timezones
from icalbridge.feeds.formats.vtimezone import holds, rule, vtimezone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

YEARS = range(2024, 2033)


def _parts(zone: str) -> list[tuple[str, dict[str, str]]]:
    """Return name and properties of each observance, read out of the text."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in vtimezone(zone).to_ical().decode().split("\r\n"):
        name, _, value = line.partition(":")
        if line in {"BEGIN:STANDARD", "BEGIN:DAYLIGHT"}:
            found.append((value, {}))
        elif found and name not in {"BEGIN", "END", ""}:
            found[-1][1][name] = value
    return found


@cache
def _onsets(start: str, recurrence: str) -> list[datetime]:
    rules = rrulestr(f"DTSTART:{start}\nRRULE:{recurrence}")
    return list(rules.between(datetime(1970, 1, 1), datetime(2037, 12, 31), inc=True))  # noqa: DTZ001


def _span(told: str) -> timedelta:
    """Read a UTC-OFFSET value (RFC 5545, section 3.3.14)."""
    span = timedelta(hours=int(told[1:3]), minutes=int(told[3:5]), seconds=int(told[5:7] or 0))
    return -span if told[0] == "-" else span


def _observances(zone: str) -> list[tuple[datetime, timedelta]]:
    """Return onset (local time) and offset of every change, as a client expands the VTIMEZONE."""
    return sorted(
        (onset, _span(told["TZOFFSETTO"]))
        for _, told in _parts(zone)
        for onset in _onsets(told["DTSTART"], told["RRULE"])
    )


def _offset(observances: list[tuple[datetime, timedelta]], local: datetime) -> timedelta:
    """Return the offset that RFC 5545, section 3.6.5, gives a local time: of the last onset at or
    before it.
    """
    return observances[bisect_right(observances, local, key=itemgetter(0)) - 1][1]


def _moments(zone: ZoneInfo) -> list[datetime]:
    """Return moments around every change of offset in some years, and one a month."""
    start = datetime(YEARS.start, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=step) for step in range(len(YEARS) * 365)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    changed = [
        day
        for day, (before, after) in zip(days[1:], pairwise(offsets), strict=True)
        if before != after
    ]
    near = [each - timedelta(minutes=30 * step) for each in changed for step in range(-4, 64)]
    return near + days[::30]


def _names() -> list[str]:
    return sorted(timezones._names())


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(each, marks=pytest.mark.soak) for each in range(1, 10))]
)
def test_every_zone_is_told_rightly_or_not_at_all(part: int) -> None:
    """For each zone of tzdata: where `holds` says yes, the VTIMEZONE's own rules give the offset
    that the zone has. A tenth of them in `make test`.
    """
    told = 0
    for name in _names()[part::10]:
        zone = timezones.zone(name)
        if rule(name) is None:
            assert not holds(name, datetime(2026, 7, 1, tzinfo=zone))
            continue
        observances = _observances(name)
        for moment in _moments(zone):
            local = moment.astimezone(zone)
            if holds(name, local):
                told += 1
                assert (
                    _offset(observances, local.replace(tzinfo=None, fold=0)) == local.utcoffset()
                ), (name, local)
    assert told > 10_000


@pytest.mark.parametrize(
    "name",
    [
        "America/Los_Angeles",
        "America/New_York",
        "America/Phoenix",
        "Pacific/Honolulu",
        "America/St_Johns",
        "US/Pacific",
    ],
)
def test_zones_of_schools_are_told_but_for_the_repeated_hour(name: str) -> None:
    """In the zones that schools are in, only the hour that occurs twice is written in UTC."""
    zone = timezones.zone(name)
    for moment in _moments(zone):
        local = moment.astimezone(zone)
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        assert holds(name, local) is not twice


def test_vtimezone_has_one_rule_a_side() -> None:
    """One STANDARD, at most one DAYLIGHT, each with a yearly RRULE, a DTSTART on it in 1970, and no
    RDATE.
    """
    for name in _names():
        if rule(name) is None:
            continue
        parts = _parts(name)
        assert [part for part, _ in parts] in (["STANDARD"], ["STANDARD", "DAYLIGHT"])
        for _, told in parts:
            assert sorted(told) == ["DTSTART", "RRULE", "TZNAME", "TZOFFSETFROM", "TZOFFSETTO"]
            assert told["RRULE"].startswith("FREQ=YEARLY")
            assert (
                f"{_onsets(told['DTSTART'], told['RRULE'])[0]:1970%m%dT%H%M%S}" == told["DTSTART"]
            )


@pytest.mark.parametrize("name", ["Africa/Cairo", "America/Nuuk", "Asia/Jerusalem"])
def test_rule_that_the_form_cannot_say_is_none(name: str) -> None:
    """Changes at 24:00, the evening before, or on the day after a weekday have no yearly rule that
    all clients read.
    """
    assert rule(name) is None
