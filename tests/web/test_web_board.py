"""What a display is given and what it shows of that: whole days of the school's zone, true at every
moment.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge import timezones
from icalbridge.feeds import FeedQuery, select
from icalbridge.feeds.audience import Audience, admit, view
from icalbridge.feeds.query import Cancelled
from icalbridge.models import Feed
from icalbridge.web.views.board import (
    LONGEST_LABEL,
    MOST_ENTRIES,
    BoardRow,
    BoardSubject,
    LocalMoment,
    make_board,
    offsets,
)
from icalbridge.web.views.now_next import WORDS, display_view
from tests.samples import GYM, NOW, POOL, ZONE, entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.models import Entry, Facility
    from icalbridge.web.views.board import Board
    from icalbridge.web.views.now_next import DisplayLine

GYM_PLACE = BoardSubject(
    Feed("facility", "gym"), "Main Gym", "Lincoln High", ZONE, {"school": "Lincoln High"}
)
SCHOOLS = {"district": "Sunny Union District", "school": "Lincoln High", "odd": "Oddly High"}
DISTRICT_PLACE = BoardSubject(
    Feed("property", "district"), "Sunny Union District", "", ZONE, SCHOOLS
)


def made(
    *entries: Entry,
    place: BoardSubject = GYM_PLACE,
    now: datetime = NOW,
    as_of: datetime = NOW,
    days: int = 8,
    words: Mapping[str, str] = WORDS,
) -> Board:
    horizon = timedelta(days=days + 2)
    marked = FeedQuery(cancelled=Cancelled.MARK)
    shown = select(entries, now=now, history=timedelta(0), horizon=horizon, query=marked).shown
    items = [admit(each, status, view(Audience.PUBLIC)) for each, status in shown]
    last = timezones.local_date(now, place.zone) + timedelta(days=days)
    until = timezones.midnight(last, place.zone)
    return make_board(place, items, words, until=until, as_of=as_of, now=now)


def lasting(
    hours: float, length: float, uid: str = "u1", facility: Facility = GYM, **fields: object
) -> Entry:
    end = NOW + timedelta(hours=hours + length)
    return entry(hours, uid=uid, facility=facility, event_id="e1", end=end, **fields)


def off(was: Entry) -> Entry:
    """Return an entry that was called off an hour ago."""
    return replace(was, status="cancelled", cancelled=NOW - timedelta(hours=1))


def told(lines: Sequence[DisplayLine]) -> list[str]:
    return [f"{line.start} – {line.end} {line.title} {line.mark}".strip() for line in lines]


def at(shown: Board, hours: float) -> tuple[str, str, str]:
    """Return state, until and what is left, some hours after noon."""
    seen = display_view(shown, NOW.timestamp() + hours * 3600)
    return seen.headline, seen.until, seen.left


# what is in it


def test_board_tells_each_moment_in_seconds_and_in_words() -> None:
    """An entry's times are there to reckon with and to read; an end at midnight belongs to the
    evening.
    """
    (slot,) = made(lasting(9, 3)).entries
    noon = int(NOW.timestamp())
    assert slot.start == LocalMoment(noon + 9 * 3600, "9:00 PM", "2026-11-21", "Sat, Nov 21")
    assert slot.end == LocalMoment(noon + 12 * 3600, "12:00 AM", "2026-11-21", "Sat, Nov 21")


def test_board_holds_what_is_on_and_comes_within_its_days() -> None:
    """What ended is not there, what begins at the last midnight is not either."""
    entries = [lasting(hours, 2, uid=str(hours)) for hours in (-3, -2, -1, 3, 35.5, 36)]
    shown = made(*entries, days=2)
    assert [slot.start.text for slot in shown.entries] == ["11:00 AM", "3:00 PM", "11:30 PM"]
    assert shown.until == int((NOW + timedelta(hours=36)).timestamp())


def test_board_cut_short_says_up_to_when_it_is_whole() -> None:
    """Where there is more than a display can hold, nothing is claimed of what comes after."""
    shown = made(*(lasting(number / 100, 1, uid=str(number)) for number in range(MOST_ENTRIES + 1)))
    assert len(shown.entries) == MOST_ENTRIES
    assert shown.until == int((NOW + timedelta(hours=MOST_ENTRIES / 100)).timestamp())


def test_board_of_a_property_counts_what_it_has_no_room_for() -> None:
    """Where more is on at once than a display can hold, it shows what began first and says how many
    more there are; not that it knows nothing, nor later that nothing is left.
    """
    on = (lasting(-1, 2, uid=f"on{number}") for number in range(MOST_ENTRIES + 50))
    shown = made(*on, lasting(3, 1, uid="later"), place=DISTRICT_PLACE, days=1)
    seen = display_view(shown, NOW.timestamp())
    assert (seen.state, len(seen.today), seen.more) == ("busy", MOST_ENTRIES, "More today: 51")
    after = display_view(shown, NOW.timestamp() + 2 * 3600)
    assert (after.today, after.empty, after.more) == ((), "", "More today: 51")


def test_board_tells_cancelled_and_leaves_out_what_never_was_on() -> None:
    """What was called off stays until its end; pending and declined bookings are nobody's business."""
    shown = made(
        off(lasting(1, 1, uid="off")),
        lasting(2, 1, uid="gone", withdrawn=NOW, cancelled=NOW),
        lasting(3, 1, uid="pending", status="pending"),
        lasting(4, 1, uid="on"),
        off(lasting(-2, 1, uid="over")),
    )
    assert [(slot.start.text, slot.cancelled) for slot in shown.entries] == [
        ("1:00 PM", True),
        ("2:00 PM", True),
        ("4:00 PM", False),
    ]
    assert {slot.title for slot in shown.entries} == {"Practice"}


def test_board_rows_are_flat_and_of_today() -> None:
    """A data set gets one row of texts for each line of today's board."""
    shown = made(
        lasting(-1, 2, uid="a", activity="Varsity"),
        off(lasting(3, 1, uid="b", facility=POOL)),
        lasting(4, 1, uid="c", property_id="odd", zone="America/New_York"),
        lasting(20, 1, uid="d"),
        place=DISTRICT_PLACE,
    )
    assert json.loads(shown.json())["rows"] == [
        {
            "facility": "Main Gym",
            "school": "Lincoln High",
            "title": "Practice: Varsity",
            "start": "11:00 AM",
            "end": "1:00 PM",
            "date": "2026-11-21",
            "status": "now",
        },
        {
            "facility": "Pool",
            "school": "Lincoln High",
            "title": "Practice",
            "start": "3:00 PM",
            "end": "4:00 PM",
            "date": "2026-11-21",
            "status": "cancelled",
        },
        {
            "facility": "Main Gym",
            "school": "Oddly High",
            "title": "Practice",
            "start": "7:00 PM",
            "end": "8:00 PM",
            "date": "2026-11-21",
            "status": "upcoming",
        },
    ]


def test_board_rows_name_their_fields() -> None:
    """A data set is set up by the names of its columns, which stay as they are."""
    assert list(BoardRow.__slots__) == [
        "facility",
        "school",
        "title",
        "start",
        "end",
        "date",
        "status",
    ]


def test_board_names_eight_days_of_the_schools_zone() -> None:
    """Days follow each other without a gap, also where a clock change makes one of them longer."""
    shown = made(now=datetime(2026, 10, 31, 19, tzinfo=UTC))
    assert [(day.date, day.name, day.start, day.end) for day in shown.days[:2]] == [
        ("2026-10-31", "Saturday, October 31", 1793430000, 1793516400),
        ("2026-11-01", "Sunday, November 1", 1793516400, 1793516400 + 25 * 3600),
    ]
    assert [day.end for day in shown.days[:-1]] == [day.start for day in shown.days[1:]]
    assert len(shown.days) == 8


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        (
            "America/Los_Angeles",
            [("2026-11-01T09:00", -8), ("2027-03-14T10:00", -7), ("2027-11-07T09:00", -8)],
        ),
        ("America/Phoenix", []),
        ("Europe/Berlin", [("2027-03-28T01:00", 2), ("2027-10-31T01:00", 1)]),
    ],
)
def test_offsets_change_at_the_second(zone: str, changes: list[tuple[str, int]]) -> None:
    """Which offset holds is told from the beginning of today, and each change at its very second."""
    _, *later = offsets(zone, date(2026, 10, 31))
    assert later == [
        (int(datetime.fromisoformat(f"{utc}+00:00").timestamp()), h * 3600) for utc, h in changes
    ]


def test_board_has_a_timeline_of_states() -> None:
    """Each state says from when on it holds and up to when; midnight begins a new one, and past
    what is known there is only the unknown.
    """
    shown = made(lasting(-1, 2, uid="a"), lasting(10, 4, uid="b"), days=2)
    noon = int(NOW.timestamp())
    states = [((each.since - noon) / 3600, each.headline, each.until) for each in shown.states[1:]]
    assert states == [
        (-12, "Free", "until 11:00 AM"),
        (-1, "In use", "until 1:00 PM"),
        (1, "Free", "until 10:00 PM"),
        (10, "In use", "until 2:00 AM tomorrow"),
        (12, "In use", "until 2:00 AM"),
        (14, "Free", "for the rest of today"),
        (36, "No recent data", ""),
    ]
    assert shown.states[0].state == "unknown"


# what is shown of it


def test_glance_free_until_the_next_booking() -> None:
    """Free, until when, and how long that is, in minutes that have begun."""
    shown = made(lasting(3, 2))
    assert at(shown, 0) == ("Free", "until 3:00 PM", "3 h")
    assert at(shown, 1.4) == ("Free", "until 3:00 PM", "1 h 36 min")
    assert at(shown, 2.6) == ("Free", "until 3:00 PM", "24 min")
    assert at(shown, 3 - 1 / 3600) == ("Free", "until 3:00 PM", "1 min")


def test_glance_in_use_until_the_place_falls_free() -> None:
    """What begins as another ends, or before, keeps a place in use; what was called off does not."""
    shown = made(
        lasting(3, 2, uid="a"),
        lasting(4, 2, uid="b"),
        lasting(6, 1, uid="c"),
        off(lasting(7, 1, uid="d")),
        lasting(8, 6, uid="e"),
    )
    assert at(shown, 3) == ("In use", "until 7:00 PM", "4 h")
    assert at(shown, 7) == ("Free", "until 8:00 PM", "1 h")
    assert at(shown, 8) == ("In use", "until 2:00 AM tomorrow", "6 h")


def test_glance_free_for_the_rest_of_the_day() -> None:
    """Where nothing comes before midnight, no countdown runs to some other day."""
    shown = made(lasting(20, 1))
    assert at(shown, 0) == ("Free", "for the rest of today", "")
    assert told(display_view(shown, NOW.timestamp()).next) == [
        "Tomorrow, 8:00 AM – 9:00 AM Practice"
    ]


def test_glance_of_a_facility_has_now_next_and_later() -> None:
    """What is next is on; what was called off is told where it would have been."""
    shown = made(
        lasting(-1, 2, uid="a", name="Open Gym"),
        off(lasting(-1, 3, uid="b", name="Chess")),
        off(lasting(1, 1, uid="c", name="Yoga")),
        lasting(2, 1, uid="d", name="Judo"),
        lasting(4, 1, uid="e", name="Choir"),
        lasting(20, 1, uid="f", name="Mass"),
    )
    seen = display_view(shown, NOW.timestamp())
    assert told(seen.now) == [
        "11:00 AM – 1:00 PM Open Gym Now",
        "11:00 AM – 2:00 PM Chess Canceled",
    ]
    assert told(seen.next) == ["2:00 PM – 3:00 PM Judo"]
    assert told(seen.later) == ["1:00 PM – 2:00 PM Yoga Canceled", "4:00 PM – 5:00 PM Choir"]
    assert not seen.alone


def test_glance_of_a_property_has_all_that_is_today_and_not_over() -> None:
    """What ended leaves at that second, what was called off stays until its end."""
    shown = made(
        lasting(-15, 16, uid="night", name="Lock-in"),
        off(lasting(1, 1, uid="a", name="Judo")),
        lasting(1, 2, uid="b", name="Choir"),
        lasting(11.5, 2, uid="c", name="Dance"),
        lasting(14, 2, uid="d", name="Mass"),
        place=DISTRICT_PLACE,
    )
    seen = [told(display_view(shown, NOW.timestamp() + hours * 3600).today) for hours in (0, 2, 3)]
    late = "11:30 PM – Tomorrow, 1:30 AM Dance"
    assert seen[0] == [
        "Fri, Nov 20, 9:00 PM – 1:00 PM Lock-in Now",
        "1:00 PM – 2:00 PM Judo Canceled",
        "1:00 PM – 3:00 PM Choir",
        late,
    ]
    assert seen[1] == ["1:00 PM – 3:00 PM Choir Now", late]
    assert seen[2] == [late]


def test_glance_names_schools_only_where_there_are_several() -> None:
    """A district's line names the school; another zone's letters stand beside its times."""
    far = lasting(3, 1, property_id="odd", zone="America/New_York")
    (district,) = display_view(made(far, place=DISTRICT_PLACE), NOW.timestamp()).today
    assert (district.place, district.school, district.start, district.end) == (
        "Main Gym",
        "Oddly High",
        "6:00 PM",
        "7:00 PM EST",
    )
    (own,) = display_view(made(lasting(3, 1)), NOW.timestamp()).today
    assert (own.place, own.end) == ("Main Gym", "4:00 PM")


def test_board_of_a_district_is_grouped_by_school() -> None:
    """By the name of the school, then by start; what is left keeps its order as time passes."""
    entries = [
        lasting(1, 5, uid="a", property_id="school", name="A"),
        lasting(2, 5, uid="b", property_id="odd", name="B"),
        lasting(3, 5, uid="c", property_id="school", name="C"),
        lasting(4, 5, uid="d", property_id="odd", name="D"),
    ]
    board = made(*entries, place=DISTRICT_PLACE)
    today = display_view(board, NOW.timestamp()).today
    assert [(line.school, line.title) for line in today] == [
        ("Lincoln High", "A"),
        ("Lincoln High", "C"),
        ("Oddly High", "B"),
        ("Oddly High", "D"),
    ]
    assert [shown.title for shown in board.entries] == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("name", "activity", "shown"),
    [
        ("Practice", "Varsity", ""),
        ("N" * 70, "Varsity", "N" * 50 + "…: Varsity"),
        ("N" * 70, "V" * 70, "N" * 13 + "…: " + "V" * 43 + "…"),
        ("N" * 70, "", "N" * 57 + "…"),
    ],
)
def test_board_cuts_a_long_name_before_its_activity(name: str, activity: str, shown: str) -> None:
    """A display writes both in two lines; the title in the data stays whole."""
    (only,) = made(lasting(1, 1, name=name, activity=activity)).entries
    assert (only.label, only.title) == (shown, f"{name}: {activity}".removesuffix(": "))
    assert len(only.label) <= LONGEST_LABEL


def test_glance_says_that_nothing_is_left() -> None:
    """An empty board says so, and what comes next."""
    seen = display_view(made(lasting(20, 1), place=DISTRICT_PLACE, days=2), NOW.timestamp())
    assert (seen.today, seen.empty, told(seen.next)) == (
        (),
        "Nothing more today",
        ["Tomorrow, 8:00 AM – 9:00 AM Practice"],
    )


def test_glance_claims_nothing_past_what_it_knows() -> None:
    """A display that has had no news for days does not say that a gym is free."""
    shown = made(lasting(34, 4), days=2)
    seen = display_view(shown, shown.until)
    assert (seen.state, seen.headline, seen.until, seen.left) == (
        "unknown",
        "No recent data",
        "",
        "",
    )
    assert (seen.now, seen.next, seen.later, seen.today, seen.empty) == ((), (), (), (), "")
    assert (seen.date, seen.clock) == ("Monday, November 23", "12:00 AM")
    assert seen.as_of == "As of Sat, Nov 21, 12:00 PM"


def test_glance_turns_the_day_at_the_schools_midnight() -> None:
    """A second before midnight it is still today; then tomorrow's entries are today's."""
    shown = made(lasting(20, 1), place=DISTRICT_PLACE)
    before, after = (
        display_view(shown, NOW.timestamp() + 12 * 3600 + second) for second in (-1, 0)
    )
    assert (before.date, before.clock, told(before.today)) == (
        "Saturday, November 21",
        "11:59 PM",
        [],
    )
    assert (after.date, after.clock, told(after.today)) == (
        "Sunday, November 22",
        "12:00 AM",
        ["8:00 AM – 9:00 AM Practice"],
    )


@pytest.mark.parametrize(
    ("change", "clocks"),
    [
        (datetime(2026, 11, 1, 9, tzinfo=UTC), ["1:59 AM", "1:00 AM"]),
        (datetime(2027, 3, 14, 10, tzinfo=UTC), ["1:59 AM", "3:00 AM"]),
    ],
)
def test_glance_follows_a_change_of_clocks(change: datetime, clocks: list[str]) -> None:
    """The clock on the wall jumps when the school's do, and what is left is counted in real
    minutes.
    """
    shift = entry(0, start=change - timedelta(hours=3), end=change + timedelta(hours=3))
    shown = made(shift, now=change - timedelta(hours=2), as_of=change)
    seen = [display_view(shown, change.timestamp() + second) for second in (-1, 0)]
    assert [each.clock for each in seen] == clocks
    assert [each.left for each in seen] == ["3 h 1 min", "3 h"]


def test_glance_says_how_old_data_is_after_a_quarter_of_an_hour() -> None:
    """Fresh data need no note; older data say since when, with the day if it was another one."""
    shown = made()
    notes = [display_view(shown, NOW.timestamp() + seconds).as_of for seconds in (900, 901, 86_400)]
    assert notes == ["", "As of 12:00 PM", "As of Sat, Nov 21, 12:00 PM"]


def test_glance_takes_every_word_from_its_words() -> None:
    """With words of another language nothing English is left but what the board itself says."""
    other = {name: text if "{" in text else text.upper() for name, text in WORDS.items()}
    other |= {"clock": "{hour24}.{minute}"}
    shown = made(lasting(-1, 2, uid="a"), lasting(20, 1, uid="b"), words=other)
    seen = display_view(shown, NOW.timestamp(), other)
    assert (seen.headline, seen.clock, seen.left) == ("IN USE", "12.00", "1 h")
    assert told(seen.next) == ["TOMORROW, 8:00 AM – 9:00 AM Practice"]


def test_board_is_the_same_bytes_for_the_same_data() -> None:
    """The time of asking is not in it, so that whoever has it already is told so."""
    first, second = (
        made(lasting(3, 2), as_of=NOW, now=NOW + timedelta(seconds=s)) for s in (0, 60)
    )
    assert first.json() == second.json()
