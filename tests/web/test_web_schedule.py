"""What the pages are arranged from: the words for moments, the tree of the directory, links."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from icalbridge.models import Facility, Property
from icalbridge.web import formatting
from icalbridge.web.views.directory import (
    NO_COUNTS,
    District,
    Kind,
    Place,
    School,
    TodayCounts,
    directory,
    kind_beside,
    kinds,
    search,
)
from icalbridge.web.views.subscribe import subscription
from tests.samples import GYM, POOL, SCHOOL, ZONE

HONOLULU = "Pacific/Honolulu"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# words


@pytest.mark.parametrize(
    ("moment", "zone", "said"),
    [
        ("2026-11-21T20:00", ZONE, "12:00 PM"),
        ("2026-11-21T08:05", ZONE, "12:05 AM"),
        ("2026-11-22T07:59", ZONE, "11:59 PM"),
        ("2026-07-01T20:00", ZONE, "1:00 PM"),
        ("2026-11-01T08:30", ZONE, "1:30 AM PDT"),
        ("2026-11-01T09:30", ZONE, "1:30 AM PST"),
        ("2026-11-01T10:30", ZONE, "2:30 AM"),
        ("2026-11-01T09:30", HONOLULU, "11:30 PM"),
        ("2026-11-21T20:00", "America/St_Johns", "4:30 PM"),
    ],
)
def test_clock_time_is_the_zones_and_never_ambiguous(moment: str, zone: str, said: str) -> None:
    """12-hour form; in the hour that the clocks repeat, with the letters that tell which of the two
    it is.
    """
    assert formatting.clock_time(at(moment), zone) == said


def test_day_is_said_as_people_say_it() -> None:
    """Near days by their relation to today, days of another year with the year."""
    today = date(2026, 12, 31)
    assert formatting.day(today, today) == "Today, Thursday, December 31"
    assert formatting.day(date(2027, 1, 1), today) == "Tomorrow, Friday, January 1, 2027"
    assert formatting.day(date(2027, 1, 2), today) == "Saturday, January 2, 2027"
    assert formatting.day(date(2026, 12, 1), today) == "Tuesday, December 1"


def test_end_time_names_the_day_only_where_it_must() -> None:
    """Midnight ends the evening before; anything later is on another day."""
    evening = date(2026, 11, 21)
    assert formatting.end_time(at("2026-11-22T08:00"), ZONE, evening) == "12:00 AM"
    assert formatting.end_time(at("2026-11-22T08:01"), ZONE, evening) == "12:01 AM, Sun, Nov 22"


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (ZONE, "Pacific Time"),
        ("America/Phoenix", "Mountain Standard Time"),
        ("America/Sao_Paulo", "Brasilia Standard Time"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Mars/Base_1", "Base 1"),
    ],
)
def test_zone_name_is_the_common_one(zone: str, name: str) -> None:
    """What people call the zone; clocks that are never changed are said to be so."""
    assert formatting.zone_name(zone) == name


def test_time_span_names_the_half_of_the_day_once() -> None:
    start = at("2026-11-21T20:30")
    assert formatting.time_span(start, at("2026-11-21T22:00"), ZONE) == "12:30 – 2:00 PM"
    assert formatting.time_span(at("2026-11-21T18:30"), start, ZONE) == "10:30 AM – 12:30 PM"
    assert formatting.time_span(start, at("2026-11-22T08:30"), ZONE) == "12:30 PM – 12:30 AM"
    change = formatting.time_span(at("2026-11-01T08:30"), at("2026-11-01T09:30"), ZONE)
    assert change == "1:30 AM PDT – 1:30 AM PST"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (2e5, "2 days ago"),
    ],
)
def test_age_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    """A clock that runs a little behind makes nothing of the future."""
    assert formatting.age(seconds) == said


# the directory


def test_directory_puts_every_school_in_one_place() -> None:
    """Children under the first district that names them; children that are not listed, and circles,
    change nothing.
    """
    one = Property("d1", "One", child_ids=("school", "unlisted", "d1"))
    two = Property("d2", "Two", child_ids=("school", "d1", "x"))
    other = Property("x", "Other")
    counts = TodayCounts({"gym": 3}, {"gym": 1})
    found = directory([two, one, SCHOOL, other], [GYM, POOL, Facility("lost", "unlisted")], counts)
    school = School(SCHOOL, (Place(GYM, 3, 1), Place(POOL, 0, 0)))
    empty = {each.id: School(each, ()) for each in (one, two, other)}
    assert found == (District(empty["d2"], (school, empty["d1"], empty["x"])),)
    assert (found[0].left, found[0].place_count) == (3, 2)
    assert (school.left, school.running) == (3, 1)


def test_directory_counts_kinds_as_people_spell_them() -> None:
    """The most frequent comes first; case and accents make no other kind, and one kind alone is no
    choice.
    """
    listed = [
        Facility(str(number), "s", "", kind)
        for number, kind in enumerate(("Pool", "Café", "gym ", "cafe", ""))
    ]
    assert kinds(listed) == (Kind("Café", 2), Kind("gym ", 1), Kind("Pool", 1))
    assert kinds([POOL, POOL]) == ()


def test_kind_is_left_out_where_the_name_says_it() -> None:
    """No `Pool Pool`, and no kind beside a place that has no other name."""
    assert kind_beside(Facility("p", "s", "Pool", "POOL")) == ""
    assert kind_beside(Facility("p", "s", "North Pool", "Pool")) == ""
    assert kind_beside(Facility("p", "s", "", "Pool")) == ""
    assert kind_beside(Facility("p", "s", "Aquatic Center", "Pool")) == "Pool"


def test_directory_of_schools_without_a_district() -> None:
    """A key that sees single schools only has one group without a head."""
    assert directory([SCHOOL], [], NO_COUNTS) == (District(None, (School(SCHOOL, ()),)),)
    assert directory([], [], NO_COUNTS) == ()


def test_search_ignores_case_and_accents() -> None:
    """`cafe` finds `CAFÉ`, and a blank query finds everything."""
    cafe = Facility("c", "school", "CAFÉ Zürich")
    tree = directory([SCHOOL], [cafe, GYM], NO_COUNTS)
    assert [place.facility for place in search(tree, "cafe ZURICH")[0].schools[0].places] == [cafe]
    assert search(tree, "  ") == tree
    assert search(tree, "cafe pool") == ()


# subscribing


@pytest.mark.parametrize(
    ("address", "webcal", "only_here"),
    [
        (
            "https://example.org/ical/facility/g.ics",
            "webcal://example.org/ical/facility/g.ics",
            False,
        ),
        ("http://127.0.0.1:8000/x.ics", "webcal://127.0.0.1:8000/x.ics", True),
        ("http://localhost:8000/x.ics", "webcal://localhost:8000/x.ics", True),
        ("http://[::1]:8000/x.ics", "webcal://[::1]:8000/x.ics", True),
        ("http://192.168.1.5/x.ics", "webcal://192.168.1.5/x.ics", False),
    ],
)
def test_subscription_knows_who_can_reach_it(address: str, webcal: str, only_here: bool) -> None:
    """`webcal`, never `webcals`; an address of this machine is for this machine."""
    made = subscription(address, "Gym & Pool")
    assert (made.address, made.webcal, made.only_here) == (address, webcal, only_here)
    assert made.outlook.endswith("&name=Gym%20%26%20Pool")
