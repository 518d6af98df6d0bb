"""`icalbridge.store.booked_names`: which words find a name, and what is coming of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.models import Changes
from icalbridge.store import booked_names
from icalbridge.store.booked_names import BookedName
from tests.fixtures.stores import apply_changes
from tests.samples import NOW, POOL, entry, event

if TYPE_CHECKING:
    import pytest

    from icalbridge.store import Store

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _book(store: Store) -> None:
    """Four trainings, one of them now and one over, in one spelling or another; and other names."""
    booked = [
        entry(-3, uid="over", name="Été Volley"),
        entry(-1, uid="now", name="ete  volley"),
        entry(24, uid="next", name="Été Volley", activity="Varsity"),
        entry(48, uid="pool", name="Été Volley", facility=POOL),
        entry(25, uid="gone", name="Été Volley", withdrawn=NOW),
        entry(26, uid="asked", name="Été Volley", status="pending"),
        entry(5, uid="pending", name="Pending Club", status="pending"),
        entry(5, uid="nameless", name="", activity="Volley"),
        entry(30, uid="other", name="Volley 1"),
    ]
    apply_changes(store, Changes(added=tuple(booked), parsed=(event(),)))


def _coming(store: Store, *terms: str) -> list[BookedName]:
    ids = {match.name_id for match in store.read.match_names(["school", "district"], terms)}
    return sorted(store.read.coming_names(ids, NOW).values(), key=lambda name: name.name)


def test_names_have_what_is_coming_of_them(school: Store) -> None:
    """What is on counts, what is over, withdrawn or pending does not; nameless ones are no name."""
    _book(school)
    volley = BookedName("ete  volley", NOW - HOUR, 3)
    other = BookedName("Volley 1", NOW + 30 * HOUR, 1)
    assert _coming(school) == [other, volley]
    assert _coming(school, "volley") == [other, volley]
    assert _coming(school, "volley", "1") == [other]
    assert _coming(school, "varsity") == [volley]
    assert _coming(school, "pool") == [volley]
    assert _coming(school, '"volley ete"') == []
    assert school.read.match_names(["district"]) == []


def test_names_of_a_facility_are_what_is_coming_there(school: Store) -> None:
    _book(school)
    names = school.read.names_in_facility("pool", NOW)
    assert list(names.values()) == [BookedName("Été Volley", NOW + 2 * DAY, 1)]
    assert names.keys() < {match.name_id for match in school.read.match_names(["school"])}


def test_many_entries_are_not_all_counted(school: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many names fewer of each, as long as they are as many; that there are more is known."""
    _book(school)
    counts = {}
    for most in (3, 6, 9):
        monkeypatch.setattr(booked_names, "MAX_COUNTED", most)
        counts[most] = [(name.count, name.is_capped) for name in _coming(school)]
    assert counts[3] == [(1, True), (1, True)]
    assert counts[6] == [(1, False), (3, True)]
    assert counts[9] == [(1, False), (3, False)]
