"""`icalbridge.store.reading` for shaped feeds: entries of any status, of many places at once, marks of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.model import Changes, Entry, EventKey, Feed
from icalbridge.store.changes import KEYS_A_STATEMENT
from tests.fixtures.stores import DISTRICT, USER, apply_changes
from tests.samples import NOW, POOL, entry, event

if TYPE_CHECKING:
    from icalbridge.store import Store

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
    apply_changes(school, Changes(added=(*HIDDEN, SHOWN), heard=(event(),)))
    return school


def test_entries_with_everything_hide_nothing(booked: Store) -> None:
    """Whatever their status, by start, end and UID; those that ended stay out."""
    assert booked.read.entries(GYM_FEED, NOW) == [SHOWN]
    everything = [*HIDDEN[:3], SHOWN, HIDDEN[3]]
    assert booked.read.entries(GYM_FEED, NOW, everything=True) == everything
    ended = HIDDEN[1].end
    assert booked.read.entries(GYM_FEED, ended, everything=True) == everything[2:]


def test_latest_end_with_everything_counts_what_is_hidden(booked: Store) -> None:
    """When what a feed does not show by itself ended matters to those that asked for it."""
    late = NOW + timedelta(days=2)
    assert booked.read.latest_end(GYM_FEED, late) == SHOWN.end
    assert booked.read.latest_end(GYM_FEED, late, everything=True) == HIDDEN[3].end


def test_entries_tell_when_they_were_first_seen(booked: Store) -> None:
    """The store writes it down once; a change leaves it as it is."""
    later = NOW + timedelta(hours=1)
    booked.windows.make_due(["school"], now=later)
    claim = booked.windows.claim(USER, "w", now=later, property_ids=["school"])
    assert claim is not None
    booked.windows.note(claim, Changes(changed=(replace(SHOWN, name="Match", modified=later),)), now=later)
    (read,) = booked.read.entries(GYM_FEED, NOW)
    assert (read.name, read.first_seen, read.modified) == ("Match", NOW, later)


MANY = (
    entry(24, uid="gym"),
    entry(24, uid="pool", facility=POOL),
    entry(25, uid="other", event_id="e2"),
    entry(26, uid="annex", facility=replace(POOL, id="annex"), event_id="e3", property_id="district"),
    entry(27, uid="hidden", facility=POOL, event_id="e2", status="pending"),
)


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
def test_entries_of_many_are_a_union(
    property_ids: list[str], facility_ids: list[str], event_ids: list[str], shown: str, kept: str, school: Store
) -> None:
    """Each entry once, by start, whichever way it was asked for; a district stands for its schools too."""
    apply_changes(school, Changes(added=MANY, heard=(event(), event(event_id="e2"), event(event_id="e3"))))
    keys = [EventKey("reservation", each) for each in event_ids]

    def uids(found: list[Entry]) -> str:
        return " ".join(each.uid.removesuffix("@icalbridge") for each in found)

    assert uids(school.read.entries_of_many(property_ids, facility_ids, keys, NOW)) == shown
    assert uids(school.read.entries_of_many(property_ids, facility_ids, keys, NOW, everything=True)) == kept
    assert school.read.entries_of_many(property_ids, facility_ids, keys, NOW + timedelta(days=9)) == []


def test_entries_of_many_are_those_of_each_feed(booked: Store) -> None:
    """One property, facility or event asks for what its own feed has."""
    for everything in (False, True):
        asked = (
            booked.read.entries_of_many([DISTRICT.id], [], [], NOW, everything=everything),
            booked.read.entries_of_many([], ["gym"], [], NOW, everything=everything),
            booked.read.entries_of_many([], [], [EventKey("reservation", "e1")], NOW, everything=everything),
        )
        feeds = (Feed("property", DISTRICT.id), GYM_FEED, Feed("event", "e1", "reservation"))
        assert list(asked) == [booked.read.entries(feed, NOW, everything=everything) for feed in feeds]


def test_entries_of_many_take_any_number(booked: Store) -> None:
    """More places than one statement can name, each entry once all the same."""
    names = [f"f{number}" for number in range(2 * KEYS_A_STATEMENT)]
    keys = [EventKey("reservation", each) for each in [*names, "e1"]]
    assert booked.read.entries_of_many([*names, "school"], [*names, "gym"], keys, NOW) == [SHOWN]


def test_event_marks_are_what_its_feed_says(booked: Store) -> None:
    """Revision and moment of each event that is known, for any number of them."""
    apply_changes(booked, Changes(heard=(event(event_id="e2"),)))
    keys = [EventKey("reservation", each) for each in ("e1", "e2", *(f"x{number}" for number in range(1000)))]
    states = [booked.read.feed_state(Feed("event", each, "reservation")) for each in ("e1", "e2")]
    told = [(state.revision, state.changed) for state in states if state]
    assert booked.read.event_marks(keys) == dict(zip(keys, told, strict=False))
    assert len({revision for revision, _ in told}) == len(told) == 2
