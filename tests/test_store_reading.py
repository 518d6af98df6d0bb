"""`icalbridge.store.reading` for shaped feeds: entries of any status, of many places at once, marks
of events.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event as sa_event

from icalbridge.models import Changes, Entry, EventKey, Feed, SavedFeed
from icalbridge.store import Store
from icalbridge.store.entries import ALL_ENTRIES, SHOWN_ENTRIES, TimeRange
from icalbridge.store.statements import KEYS_A_STATEMENT
from tests.fixtures.stores import DISTRICT, USER, apply_changes, list_catalogue
from tests.samples import NOW, POOL, entry, event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

GYM_FEED = Feed("facility", "gym")
HIDDEN = (
    entry(24, uid="a", status="pending"),
    entry(25, uid="b", timeslot_status="suspended"),
    entry(26, uid="c", withdrawn=NOW, cancelled=NOW),
    entry(27, uid="d", status="cancelled", cancelled=NOW - timedelta(days=1)),
)
SHOWN = entry(26, uid="e")


@pytest.fixture
def booked(school: Store) -> Store:
    """A gym with one shown entry and one of every kind that is not."""
    apply_changes(school, Changes(added=(*HIDDEN, SHOWN), parsed=(event(),)))
    return school


def test_entries_with_everything_hide_nothing(booked: Store) -> None:
    """Whatever their status, by start, end and UID; those that ended stay out."""
    assert booked.read.entries(GYM_FEED, TimeRange(NOW)) == [SHOWN]
    everything = [*HIDDEN[:3], SHOWN, HIDDEN[3]]
    assert booked.read.entries(GYM_FEED, TimeRange(NOW), ALL_ENTRIES) == everything
    ended = HIDDEN[1].end
    assert booked.read.entries(GYM_FEED, TimeRange(ended), ALL_ENTRIES) == everything[2:]


def test_latest_end_with_everything_counts_what_is_hidden(booked: Store) -> None:
    """When what a feed does not show by itself ended matters to those that asked for it."""
    late = NOW + timedelta(days=2)
    assert booked.read.latest_end(GYM_FEED, late) == SHOWN.end
    assert booked.read.latest_end(GYM_FEED, late, ALL_ENTRIES) == HIDDEN[3].end


def test_entries_tell_when_they_were_first_seen(booked: Store) -> None:
    """The store writes it down once; a change leaves it as it is."""
    later = NOW + timedelta(hours=1)
    booked.windows.make_due(["school"], now=later)
    claim = booked.windows.claim(USER, "w", now=later, property_ids=["school"])
    assert claim is not None
    booked.windows.note(
        claim, Changes(changed=(replace(SHOWN, name="Match", modified=later),)), now=later
    )
    (read,) = booked.read.entries(GYM_FEED, TimeRange(NOW))
    assert (read.name, read.first_seen, read.modified) == ("Match", NOW, later)


MANY = (
    entry(24, uid="gym"),
    entry(24, uid="pool", facility=POOL),
    entry(25, uid="other", event_id="e2"),
    entry(
        26, uid="annex", facility=replace(POOL, id="annex"), event_id="e3", property_id="district"
    ),
    entry(27, uid="hidden", facility=POOL, event_id="e2", status="pending"),
)


def selection(
    store: Store,
    property_ids: Iterable[str] = (),
    facility_ids: Iterable[str] = (),
    event_ids: Iterable[str] = (),
) -> Feed:
    """Save a feed that selects these, and return it."""
    keys = tuple(EventKey("reservation", each) for each in event_ids)
    store.saved.put(
        [SavedFeed("some", "Some", "", tuple(property_ids), tuple(facility_ids), keys)], now=NOW
    )
    return Feed("saved", "some")


@pytest.mark.parametrize(
    ("property_ids", "facility_ids", "event_ids", "shown", "kept"),
    [
        ([], [], [], "", ""),
        (["school"], [], [], "gym pool other", "gym pool other hidden"),
        (["district"], [], [], "gym pool other annex", "gym pool other annex hidden"),
        ([], ["pool"], [], "pool", "pool hidden"),
        ([], ["annex", "gym"], [], "gym other annex", "gym other annex"),
        ([], [], ["e2"], "other", "other hidden"),
        ([], ["gym", "gym"], ["e2", "e1"], "gym pool other", "gym pool other hidden"),
        (["unknown"], ["unknown"], ["unknown"], "", ""),
    ],
)
def test_saved_feed_is_a_union(
    property_ids: list[str],
    facility_ids: list[str],
    event_ids: list[str],
    shown: str,
    kept: str,
    school: Store,
) -> None:
    """Each entry once, by start, whichever way it was selected; a district stands for its schools
    too.
    """
    apply_changes(
        school, Changes(added=MANY, parsed=(event(), event(event_id="e2"), event(event_id="e3")))
    )
    feed = selection(school, property_ids, facility_ids, event_ids)
    later = NOW + timedelta(days=9)

    def uids(found: list[Entry]) -> str:
        return " ".join(each.uid.removesuffix("@icalbridge") for each in found)

    def end(uids: str) -> datetime | None:
        return max(
            (each.end for each in MANY if each.uid.removesuffix("@icalbridge") in uids.split()),
            default=None,
        )

    assert uids(school.read.entries(feed, TimeRange(NOW))) == shown
    assert uids(school.read.entries(feed, TimeRange(NOW), ALL_ENTRIES)) == kept
    assert school.read.entries(feed, TimeRange(later)) == []
    assert school.read.latest_end(feed, later) == end(shown)
    assert school.read.latest_end(feed, later, ALL_ENTRIES) == end(kept)


def test_saved_feed_of_one_thing_is_that_thing_s_own_feed(booked: Store) -> None:
    """One property, facility or event selects what its own feed has."""
    own = (Feed("property", DISTRICT.id), GYM_FEED, Feed("event", "e1", "reservation"))
    for everything in (False, True):
        saved = [
            booked.read.entries(
                selection(booked, [DISTRICT.id]),
                TimeRange(NOW),
                ALL_ENTRIES if everything else SHOWN_ENTRIES,
            ),
            booked.read.entries(
                selection(booked, (), ["gym"]),
                TimeRange(NOW),
                ALL_ENTRIES if everything else SHOWN_ENTRIES,
            ),
            booked.read.entries(
                selection(booked, (), (), ["e1"]),
                TimeRange(NOW),
                ALL_ENTRIES if everything else SHOWN_ENTRIES,
            ),
        ]
        assert saved == [
            booked.read.entries(feed, TimeRange(NOW), ALL_ENTRIES if everything else SHOWN_ENTRIES)
            for feed in own
        ]


def test_saved_feed_takes_any_number(booked: Store) -> None:
    """More places than one statement can name, each entry once all the same."""
    names = [f"f{number}" for number in range(2 * KEYS_A_STATEMENT)]
    feed = selection(booked, [*names, "school"], [*names, "gym"], [*names, "e1"])
    assert booked.read.entries(feed, TimeRange(NOW)) == [SHOWN]
    assert booked.read.latest_end(feed, NOW + timedelta(days=9)) == SHOWN.end


@contextmanager
def plans(store: Store) -> Iterator[list[str]]:
    """Collect how SQLite goes about each statement that is run meanwhile: one line for each table
    that it looks at.
    """
    found: list[str] = []

    @sa_event.listens_for(store.engine, "before_cursor_execute")
    def explain(
        _connection: object, cursor: Any, statement: str, values: Any, *_more: object
    ) -> None:
        other = cursor.connection.cursor()
        found.extend(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    yield found
    sa_event.remove(store.engine, "before_cursor_execute", explain)


@pytest.fixture
def sqlite_school(tmp_path: Path) -> Iterator[Store]:
    """The school of `school` on SQLite alone: PostgreSQL weighs its plans by what is in the tables."""
    opened = Store.connect(f"sqlite:///{tmp_path / 'plans.sqlite'}")
    opened.upgrade()
    opened.write.add_api_user(USER)
    list_catalogue(opened)
    opened.windows.ensure(["school"], 1, now=NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize(
    ("property_ids", "facility_ids", "event_ids"),
    [
        (["district"], [], []),
        ([], ["gym"], []),
        ([], [], ["e1"]),
        (["school"], ["pool"], ["e1", "e2"]),
    ],
)
def test_saved_feed_is_read_by_indexes(
    property_ids: list[str],
    facility_ids: list[str],
    event_ids: list[str],
    everything: bool,
    sqlite_school: Store,
) -> None:
    """Whatever it selects and whatever it does not, no statement reads all entries that there are."""
    feed = selection(sqlite_school, property_ids, facility_ids, event_ids)
    with plans(sqlite_school) as found:
        sqlite_school.read.feed_state(feed)
        sqlite_school.read.entries(
            feed, TimeRange(NOW), ALL_ENTRIES if everything else SHOWN_ENTRIES
        )
        sqlite_school.read.latest_end(feed, NOW, ALL_ENTRIES if everything else SHOWN_ENTRIES)
    ways = len([each for each in (property_ids, facility_ids, event_ids) if each])
    looked = [each for each in found if re.search(r"\bentries\b", each)]
    assert [re.split(" USING (?:COVERING )?INDEX ix_", each)[0] for each in looked] == [
        "SEARCH entries"
    ] * 3 * ways


def test_event_is_found_by_indexes(sqlite_school: Store) -> None:
    """By its own id or by the external one, no statement reads all events of a type."""
    apply_changes(sqlite_school, Changes(added=(SHOWN,), parsed=(event(external_id="practice-7"),)))
    for name in ("e1", "practice-7", "unknown"):
        feed = Feed("event", name, "reservation")
        with plans(sqlite_school) as found:
            sqlite_school.read.feed_state(feed)
            sqlite_school.read.entries(feed, TimeRange(NOW))
        own = "SEARCH events USING INDEX sqlite_autoindex_events_1 (event_type=? AND event_id=?)"
        looked = {
            each.replace("COVERING INDEX", "INDEX")
            for each in found
            if re.search(r"\bevents\b", each)
        }
        external = {"SEARCH events USING INDEX ix_events_external_id (external_id=?)"}
        assert looked == ({own} if name == "e1" else {own} | external)


def test_event_of_an_external_id_is_the_first_of_its_type(school: Store) -> None:
    """Events of other types that bear it too are none of the feed's; nor is what an id of another
    type names.
    """
    first = event(event_id="e2", external_id="x")
    others = (
        event(event_id="e3", external_id="x"),
        replace(event(event_id="e1", external_id="x"), type="internal"),
    )
    apply_changes(
        school, Changes(added=(entry(24, uid="b", event_id="e2"),), parsed=(*others, first))
    )
    assert [
        each.event_id
        for each in school.read.entries(Feed("event", "x", "reservation"), TimeRange(NOW))
    ] == ["e2"]
    assert school.read.entries(Feed("event", "e1", "reservation"), TimeRange(NOW)) == []


def test_event_marks_are_what_its_feed_says(booked: Store) -> None:
    """Revision and moment of each event that is known, for any number of them."""
    apply_changes(booked, Changes(parsed=(event(event_id="e2"),)))
    keys = [
        EventKey("reservation", each)
        for each in ("e1", "e2", *(f"x{number}" for number in range(1000)))
    ]
    states = [booked.read.feed_state(Feed("event", each, "reservation")) for each in ("e1", "e2")]
    told = [(state.revision, state.changed) for state in states if state]
    assert booked.read.event_marks(keys) == dict(zip(keys, told, strict=False))
    assert len({revision for revision, _ in told}) == len(told) == 2


def test_property_names_are_read_in_parts(school: Store) -> None:
    """Those of unlisted properties too, whose bookings are shown still; one statement for each
    part.
    """
    school.write.apply_catalog(USER, [DISTRICT], {}, Changes(), now=NOW)
    names = [f"p{number}" for number in range(2 * KEYS_A_STATEMENT - 2)]
    statements: list[str] = []
    sa_event.listen(
        school.engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    assert school.read.property_names([*names, "school", "district"]) == {
        "district": "Sunny District",
        "school": "Lincoln High",
    }
    assert sum("SELECT" in each for each in statements) == 2
    assert school.read.property_names([]) == {}
    assert [each.id for each in school.read.properties()] == ["district"]
