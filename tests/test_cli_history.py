"""`icalbridge history`: what took place, out of the store; exactly the days, the places and the
fields asked for.
"""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from icalbridge.cli.history import export_history
from icalbridge.cli.records import HistoryQuery, write_history
from icalbridge.feeds.audience import Audience
from icalbridge.models import Changes, StaffDetails
from icalbridge.settings import Settings
from icalbridge.store.rows import entry_values
from icalbridge.store.tables import entries, events
from tests.fixtures.commands import run, run_process
from tests.fixtures.stores import apply_changes
from tests.json_schema import faults
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry, event

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.models import Entry, Facility
    from icalbridge.store import Store

DAY = date(2024, 3, 9)
"""A Saturday long ago; on the next day the clocks of Los Angeles go forward."""
HEADS = [
    "Date",
    "Start",
    "End",
    "Ends on",
    "Time zone",
    "Title",
    "Facility",
    "Location",
    "Type",
    "Status",
    "UID",
]
STAFF = ["Renter", "Email", "Attendance", "Reservation", "Rate category"]
TOLD = StaffDetails("=Renata", "renata@renter.example", 120, "R-1", "Youth")


def at(
    uid: str, start: datetime, end: datetime, *, facility: Facility = GYM, **fields: object
) -> Entry:
    """Return an entry at moments given in UTC, of an event of its own."""
    return entry(0, uid=uid, event_id=f"e-{uid}", facility=facility, start=start, end=end, **fields)


def utc(*told: int) -> datetime:
    return datetime(*told, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to minute


NOON = utc(2024, 3, 9, 20), utc(2024, 3, 9, 22)
SHOWN = (
    at("night", utc(2024, 3, 9, 7), utc(2024, 3, 9, 9)),  # 23:00 to 01:00
    at("gym", *NOON, activity="Varsity"),
    at("pool", *NOON, facility=POOL),
    at(
        "tokyo", utc(2024, 3, 8, 15), utc(2024, 3, 8, 16), zone="Asia/Tokyo"
    ),  # the first hour of the 9th
    at(
        "honolulu", utc(2024, 3, 10, 9), utc(2024, 3, 10, 10), zone="Pacific/Honolulu"
    ),  # the last hour of the 9th
)
BESIDE = (
    at("before", utc(2024, 3, 9, 7), utc(2024, 3, 9, 8)),  # ends at midnight
    at("after", utc(2024, 3, 10, 8), utc(2024, 3, 10, 9)),  # begins at midnight
    at("tokyo-after", utc(2024, 3, 9, 15), utc(2024, 3, 9, 16), zone="Asia/Tokyo"),
    at("honolulu-before", utc(2024, 3, 9, 9), utc(2024, 3, 9, 10), zone="Pacific/Honolulu"),
)
OFF = (
    at("declined", *NOON, status="declined"),
    at("pending", *NOON, status="pending"),
    at("suspended", *NOON, timeslot_status="suspended", cancelled=utc(2024, 3, 1, 8, 30)),
    at("withdrawn", *NOON, withdrawn=utc(2024, 3, 2, 9), cancelled=utc(2024, 3, 2, 9)),
)
ALL_UIDS = [
    "tokyo",
    "night",
    "declined",
    "gym",
    "pending",
    "pool",
    "suspended",
    "withdrawn",
    "honolulu",
]


@pytest.fixture
def past(school: Store) -> Store:
    """A school with a day long ago, and what lay around it."""
    known = (*SHOWN, *BESIDE, *OFF)
    heard = tuple(event(event_id=each.event_id, status=each.status) for each in known)
    told = tuple(replace(each, particulars=TOLD) if each.id == "e-gym" else each for each in heard)
    apply_changes(school, Changes(added=known, parsed=told))
    return school


def written(store: Store, wish: HistoryQuery) -> bytes:
    file = io.BytesIO()
    count = write_history(store, wish, file)
    assert count == (
        len(_json(file)["entries"]) if wish.as_json else len(_csv(file.getvalue())) - 1
    )
    return file.getvalue()


def _json(file: io.BytesIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.getvalue())
    return found


def _csv(body: bytes) -> list[list[str]]:
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body[3:].decode(), newline=""), strict=True))


def rows(store: Store, wish: HistoryQuery) -> list[list[str]]:
    return _csv(written(store, wish))


def uids(store: Store, wish: HistoryQuery) -> list[str]:
    return [row[10].removesuffix("@icalbridge") for row in rows(store, wish)[1:]]


def test_history_has_what_took_place_on_its_days(past: Store) -> None:
    """Both days count from midnight to midnight of each entry's own zone, whatever feeds still
    reach; by start.
    """
    assert uids(past, HistoryQuery(DAY, DAY)) == ["tokyo", "night", "gym", "pool", "honolulu"]


def test_history_of_neighbouring_days_has_all(past: Store) -> None:
    """Nothing falls between two days; what goes on past midnight is on both."""
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    found = [uids(past, HistoryQuery(day, day)) for day in (before, DAY, after)]
    assert found[0] == ["before", "night", "honolulu-before"]
    assert found[2] == ["tokyo-after", "after"]
    assert sorted(uids(past, HistoryQuery(before, after))) == sorted(
        {each for some in found for each in some}
    )


def test_history_for_the_public_is_this_table(past: Store) -> None:
    """The columns of a feed's CSV and the school, and nothing of a renter."""
    found = rows(past, HistoryQuery(DAY, DAY, facility_ids=("gym",)))
    where = "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087"
    assert found[0] == [*HEADS, "School"]
    when = ["2024-03-09", "12:00", "14:00", "", ZONE]
    what = ["Practice: Varsity", "Main Gym", where, "Gymnasium", "Approved", "gym@icalbridge"]
    assert found[3] == [*when, *what, "Lincoln High"]


@pytest.mark.parametrize(
    ("audience", "heads", "cells"),
    [
        (Audience.STAFF, STAFF, ["'=Renata", "renata@renter.example", "120", "R-1", "Youth"]),
        (Audience.OPERATIONS, STAFF[2:4], ["120", "R-1"]),
    ],
)
def test_history_tells_its_audience_more(
    past: Store, audience: Audience, heads: list[str], cells: list[str]
) -> None:
    """What only they may know stands behind the rest; empty where nothing was told."""
    found = rows(past, HistoryQuery(DAY, DAY, audience=audience))
    assert found[0] == [*HEADS, *heads, "School"]
    told = {row[10].removesuffix("@icalbridge"): row[11:-1] for row in found[1:]}
    assert told.pop("gym") == cells
    assert {each for row in told.values() for each in row} == {""}


def test_history_of_everything_says_what_it_was(past: Store) -> None:
    """Also what was never on or is no longer, in the vendor's words, and since when, in local time."""
    found = rows(past, HistoryQuery(DAY, DAY, everything=True))
    assert found[0] == [*HEADS, "Called off", "Withdrawn", "School"]
    assert [row[10].removesuffix("@icalbridge") for row in found[1:]] == ALL_UIDS
    assert {row[10].removesuffix("@icalbridge"): [row[9], *row[11:-1]] for row in found[1:]} == {
        "tokyo": ["Approved", "", ""],
        "night": ["Approved", "", ""],
        "declined": ["Declined", "", ""],
        "gym": ["Approved", "", ""],
        "pending": ["Pending", "", ""],
        "pool": ["Approved", "", ""],
        "suspended": ["Approved, suspended", "2024-03-01 00:30", ""],
        "withdrawn": ["Approved, withdrawn", "2024-03-02 01:00", "2024-03-02 01:00"],
        "honolulu": ["Approved", "", ""],
    }


def test_history_as_json_has_the_keys_of_feeds(past: Store) -> None:
    """What a feed's schema says of an entry holds here too; the days and the audience stand ahead."""
    told = json.loads(written(past, HistoryQuery(DAY, DAY, audience=Audience.STAFF, as_json=True)))
    assert {key: value for key, value in told.items() if key != "entries"} == {
        "version": 1,
        "from": "2024-03-09",
        "to": "2024-03-09",
        "audience": "staff",
    }
    assert {each.pop("school") for each in told["entries"]} == {"Lincoln High"}
    assert [faults(each, "entry") for each in told["entries"]] == [[]] * 5
    assert [each["renter"] for each in told["entries"]] == ["", "", "=Renata", "", ""]


def test_history_as_json_of_everything_has_the_vendors_statuses(past: Store) -> None:
    """Three keys more, with what it was and since when it is gone."""
    told = json.loads(written(past, HistoryQuery(DAY, DAY, everything=True, as_json=True)))[
        "entries"
    ]
    found = [
        (each["status"], each["booking"], each["timeslot"], each["withdrawn"]) for each in told
    ]
    assert dict(zip(ALL_UIDS, found, strict=True)) == {
        **dict.fromkeys(
            ("tokyo", "night", "gym", "pool", "honolulu"), ("confirmed", "approved", "active", None)
        ),
        "declined": ("cancelled", "declined", "active", None),
        "pending": ("tentative", "pending", "active", None),
        "suspended": ("cancelled", "approved", "suspended", None),
        "withdrawn": ("cancelled", "approved", "active", "2024-03-02T09:00:00Z"),
    }


def test_history_as_json_with_nothing_is_json(past: Store) -> None:
    """A day on which nothing took place has an empty list."""
    quiet = date(2020, 1, 1)
    assert json.loads(written(past, HistoryQuery(quiet, quiet, as_json=True)))["entries"] == []


@pytest.mark.parametrize(
    ("property_ids", "facility_ids", "found"),
    [
        (("school",), (), ["tokyo", "night", "gym", "pool", "honolulu"]),
        (("district",), (), ["tokyo", "night", "gym", "pool", "honolulu"]),
        ((), ("pool",), ["pool"]),
        ((), ("pool", "gym"), ["tokyo", "night", "gym", "pool", "honolulu"]),
        (("school",), ("pool",), ["tokyo", "night", "gym", "pool", "honolulu"]),
    ],
)
def test_history_has_the_places_asked_for(
    past: Store, property_ids: tuple[str, ...], facility_ids: tuple[str, ...], found: list[str]
) -> None:
    """Any of the properties and facilities, each entry once; a district stands for its schools."""
    assert uids(past, HistoryQuery(DAY, DAY, property_ids, facility_ids)) == found


@pytest.mark.both_databases
def test_history_needs_little_memory(school: Store) -> None:
    """However many entries there are: they are read and written part by part."""
    count = 6_000
    first = {"event_type": "reservation", "event_id": "e1", "property_id": SCHOOL.id}
    some = [entry(number / 10, uid=f"u{number:06}") for number in range(count)]
    with school.engine.begin() as connection:
        connection.execute(
            insert(events), [first | {"first_seen_at": NOW, "revision": 1, "changed_at": NOW}]
        )
        connection.execute(
            insert(entries), [entry_values(each) | {"first_seen_at": NOW} for each in some]
        )
    del some
    sink = Sink()
    tracemalloc.start()
    try:
        written_entries = write_history(
            school, HistoryQuery(date(2026, 1, 1), date(2030, 1, 1)), sink
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (written_entries, sink.lines) == (count, count + 1)
    assert peak < 5_000_000


class Sink(io.BytesIO):
    """Counts lines and keeps nothing."""

    lines = 0

    def write(self, octets: Any) -> int:
        self.lines += octets.count(b"\n")
        return len(octets)


# the command


def test_command_writes_to_stdout_or_a_file(past: Store, database_url: str, tmp_path: Path) -> None:
    """The same octets either way; a file's length is told on stderr, only its owner can
    read it, and nothing is left beside it.
    """
    days = ("history", "--from", "2024-03-09", "--to", "2024-03-09")
    shown = run_process(*days, "--audience", "staff", "--all", DATABASE_URL=database_url)
    path = tmp_path / "used.csv"
    to_file = run(
        *days, "--audience", "staff", "--all", "--output", str(path), DATABASE_URL=database_url
    )
    since = (
        f"Records are kept since {NOW:%Y-%m-%d}; of what was over by then they hold only what"
        " belonged to bookings"
    )
    assert (shown.returncode, shown.stderr) == (0, f"{since} that went on.\n")
    told = f"{since} that went on.\n9 entries written to {path}\n"
    assert (to_file.returncode, to_file.stdout, to_file.stderr) == (0, "", told)
    expected = written(past, HistoryQuery(DAY, DAY, audience=Audience.STAFF, everything=True))
    assert path.read_bytes() == expected
    assert shown.stdout == expected.decode().replace("\r\n", "\n")
    assert list(tmp_path.glob("used.csv*")) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


ANGELES = "America/Los_Angeles"
EARLY = utc(2026, 12, 1, 6)
"""In UTC it is December already, in Los Angeles not yet."""


@pytest.mark.parametrize("place", ["property", "facility", "all"])
def test_command_takes_the_day_of_the_school(
    past: Store, database_url: str, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """Of a school, of one of its facilities, or of all there are."""
    assert past.read.properties()[0].timezone == ANGELES
    chosen = {"property": ((SCHOOL.id,), ()), "facility": ((), (GYM.id,)), "all": ((), ())}[place]
    for last, told in (
        ("2026-11-29", ""),
        ("2026-11-30", "What is later than 2026-11-30 is booked"),
    ):
        day = date.fromisoformat(last)
        export_history(
            Settings(database_url=database_url), HistoryQuery(day, day, *chosen), "", now=EARLY
        )
        said = capsys.readouterr().err
        assert ("later than" in said, told in said) == (bool(told), True)
