"""The cases behind the golden calendars: one a rule of the contract's "What a feed contains", named
for it.

`tests/test_feeds_golden.py` renders each and compares it with `<name>.ics` beside this file. After
a change that is meant, `GOLDEN=write pytest tests/test_feeds_golden.py` writes them anew; their
diff is reviewed like code.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from icalbridge.models import Entry, Feed, FeedState
from tests.fixtures.rendering import render_ics
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.feeds import Rendered

URL = "https://calendars.example.org"
GYM_FEED = Feed("facility", "gym")
STATE = FeedState("Main Gym, Lincoln High", "America/Los_Angeles", 1, NOW, "school", synced=True)
CASES: dict[str, Callable[[], Rendered]] = {}


def case(make: Callable[[], Rendered]) -> Callable[[], Rendered]:
    """Register a case under its function's name."""
    CASES[make.__name__] = make
    return make


def rendered(
    *entries: Entry,
    feed: Feed = GYM_FEED,
    state: FeedState = STATE,
    url: str = URL,
    max_bytes: int = 1_000_000,
) -> Rendered:
    return render_ics(feed, state, entries, now=NOW, public_url=url, max_bytes=max_bytes)


def at(start: datetime, end: datetime, zone: str = "America/Los_Angeles", uid: str = "u1") -> Entry:
    """Return an entry at moments given in UTC."""
    return entry(0, uid=uid, start=start, end=end, zone=zone)


def utc(*told: int) -> datetime:
    return datetime(*told, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to minute


def in_zone(zone: str) -> FeedState:
    return replace(STATE, zone=zone)


@case
def one_vevent_for_a_timeslot() -> Rendered:
    return rendered(entry(24))


@case
def no_vevent_when_nothing_is_on() -> Rendered:
    return rendered()


@case
def summary_has_the_activity() -> Rendered:
    return rendered(entry(24, activity="Game vs. Harbor"))


@case
def missing_name_is_reserved() -> Rendered:
    return rendered(entry(24, name=" \x00 "), entry(25, uid="u2", name="", activity="Setup"))


@case
def sequence_and_last_modified_are_the_entrys() -> Rendered:
    return rendered(entry(24, sequence=7, modified=utc(2026, 11, 19, 3, 4)))


@case
def without_public_url_no_links() -> Rendered:
    return rendered(entry(24), url="")


@case
def entry_without_facility_has_a_page_too() -> Rendered:
    return rendered(
        entry(24, facility_id="", place="", location="Lincoln High", type="reservation")
    )


@case
def empty_texts_have_no_property() -> Rendered:
    return rendered(entry(24, location="", type=""))


@case
def odd_ids_are_quoted_in_addresses() -> Rendered:
    return rendered(entry(24, uid="a b/ç?"), feed=Feed("facility", "a b/ç?"))


@case
def school_feed() -> Rendered:
    return rendered(
        entry(24), feed=Feed("property", "school"), state=replace(STATE, title="Lincoln High")
    )


@case
def event_feed() -> Rendered:
    return rendered(
        entry(24), feed=Feed("event", "e1", "reservation"), state=replace(STATE, title="Practice")
    )


@case
def gap_becomes_the_moment_it_means() -> Rendered:
    """02:30 on 14 March 2027 is skipped: under the offset before the change it is 10:30 UTC, so
    03:30.
    """
    return rendered(at(utc(2027, 3, 14, 10, 30), utc(2027, 3, 14, 12, 0)))


@case
def overlap_is_the_first_in_utc() -> Rendered:
    """01:30 on 7 November 2027 occurs twice: the first is 08:30 UTC, and only UTC says so to all
    clients.
    """
    return rendered(at(utc(2027, 11, 7, 8, 30), utc(2027, 11, 7, 11, 0)))


@case
def overlap_at_the_end_only() -> Rendered:
    return rendered(at(utc(2027, 11, 7, 7, 0), utc(2027, 11, 7, 8, 59)))


@case
def two_zones_have_two_vtimezones() -> Rendered:
    east = at(utc(2026, 12, 1, 22, 0), utc(2026, 12, 1, 23, 0), "America/New_York", "u2")
    return rendered(entry(24), east, feed=Feed("property", "district"))


@case
def zone_without_clock_changes() -> Rendered:
    start, end = utc(2026, 12, 1, 22, 0), utc(2026, 12, 1, 23, 0)
    return rendered(at(start, end, "America/Phoenix"), state=in_zone("America/Phoenix"))


@case
def zone_of_half_an_hour() -> Rendered:
    start, end = utc(2026, 7, 1, 22, 0), utc(2026, 7, 1, 23, 0)
    return rendered(at(start, end, "America/St_Johns"), state=in_zone("America/St_Johns"))


@case
def zone_of_the_south() -> Rendered:
    start, end = utc(2027, 1, 10, 6, 0), utc(2027, 1, 10, 7, 0)
    return rendered(at(start, end, "Australia/Sydney"), state=in_zone("Australia/Sydney"))


@case
def zone_with_negative_daylight_saving() -> Rendered:
    start, end = utc(2027, 7, 10, 6, 0), utc(2027, 7, 10, 7, 0)
    return rendered(at(start, end, "Europe/Dublin"), state=in_zone("Europe/Dublin"))


@case
def zone_that_one_rule_cannot_say_is_utc() -> Rendered:
    start, end = utc(2027, 7, 10, 6, 0), utc(2027, 7, 10, 7, 0)
    return rendered(at(start, end, "Africa/Cairo"), state=in_zone("Africa/Cairo"))


@case
def moment_that_the_rule_gets_wrong_is_utc() -> Rendered:
    """In March 2006 the clocks in Los Angeles had not changed yet; by today's rule they would have."""
    before = at(utc(2006, 3, 20, 20, 0), utc(2006, 3, 20, 21, 0))
    return rendered(before, at(utc(2006, 7, 20, 20, 0), utc(2006, 7, 20, 21, 0), uid="u2"))


@case
def zone_utc_needs_no_vtimezone() -> Rendered:
    return rendered(
        at(utc(2026, 12, 1, 22, 0), utc(2026, 12, 1, 23, 0), "UTC"), state=in_zone("UTC")
    )


@case
def text_control_characters_are_removed() -> Rendered:
    return rendered(entry(24, name="Night\x07 of\x00 the\x1b[0m Bell\x7f\x9f", location="Gym\ttwo"))


@case
def text_line_breaks_are_one_space() -> Rendered:
    return rendered(
        entry(24, name="Practice\r\n\r\nATTENDEE:mailto:x", location="a\u2028b\u2029c\x85d\ne")
    )


@case
def text_white_space_around_goes() -> Rendered:
    return rendered(
        entry(24, name="\u3000 Choir \t", location=" Gym "), state=replace(STATE, title=" Gym\n")
    )


@case
def text_is_escaped() -> Rendered:
    return rendered(
        entry(24, name='Kids, "Yoga"; 1 \\ 2: \\n', location="a,b;c"),
        state=replace(STATE, title="A, B; C"),
    )


@case
def text_of_the_world_survives() -> Rendered:
    return rendered(
        entry(
            24,
            name="卒業式のリハーサルとそのあとの懇親会 🎌",
            location="Año Nuevo\u202e, נמל, 👩‍👩‍👧‍👦 e\u0301",
        )
    )


@case
def lines_fold_between_characters() -> Rendered:
    return rendered(entry(24, name="é" * 34 + "日本" * 30, location="x" * 66 + "🏀" * 20))


@case
def long_texts_go_on_in_the_description() -> Rendered:
    return rendered(entry(24, name="a" * 250 + "🏀🏀🏀 the rest", location="b" * 255 + "; c"))


@case
def too_large_leaves_out_the_far_future() -> Rendered:
    many = [
        entry(24 * day + hour, uid=f"u{day:03}{hour}") for day in range(60) for hour in (1, 2, 3)
    ]
    return rendered(*many, max_bytes=10_000)
