"""Statuses over HTTP: the past is history, unknown words are counted, and the operator says what
counts as approved.
"""

from __future__ import annotations

import io
import json
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.cli.clients import make_client
from icalbridge.cli.records import HistoryQuery, write_history
from icalbridge.cli.status import print_status
from icalbridge.cli.sync import sync_with_progress
from icalbridge.models import Feed
from icalbridge.settings import from_environment
from icalbridge.store import Store
from icalbridge.sync.refresh_event import EventRefresher
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.fixtures.deployments import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.settings import Settings

EVENT_ID = "league"
SHOWN_AFTERWARDS = ["Completed", "Closed", None, "Approved - Pending Payment", "Pending", "", 7]
"""Statuses of an event that has a timeslot which took place."""


@pytest.fixture
def district(database_url: str) -> Iterator[Bridge]:
    """A district of one school with a league from 13:00 to 14:00, today and in a week; it is noon,
    and synced.
    """
    with bridge(database_url, schools=1, facilities=1, events_per_day=1, windows=2) as made:
        _add_league(made)
        assert made.run().failures == []
        yield made


def _add_league(made: Bridge) -> None:
    school = made.world.properties[1]
    facility = made.world.facilities_of(school["_id"])[0]
    today = made.clock().astimezone(made.world.zone_of(school["_id"])).date()
    timeslots = [
        {
            "external_system_timeslot_id": None,
            "activity_name": None,
            "facility": {
                name: facility[name] for name in ("_id", "u_id", "name", "capacity", "type")
            },
            "start_datetime": f"{today + timedelta(days=days)}T13:00:00",
            "end_datetime": f"{today + timedelta(days=days)}T14:00:00",
            "status": "active",
        }
        for days in (0, 7)
    ]
    made.world.add_event(
        {
            "_id": EVENT_ID,
            "name": "League",
            "status": "Approved",
            "property_id": school["_id"],
            "timeslots": timeslots,
            "type": "reservation",
            "property_timezone": str(made.world.zone_of(school["_id"])),
        }
    )


def _shown(district: Bridge) -> list[int]:
    """Return in how many days each timeslot of the league is that the feed of the event shows."""
    entries = district.entries(Feed("event", EVENT_ID, "reservation"))
    return [round((each.start - _first(district)) / timedelta(days=1)) for each in entries]


def _first(district: Bridge) -> datetime:
    start = datetime.fromisoformat(
        district.world.events[EVENT_ID]["timeslots"][0]["start_datetime"]
    )
    return start.replace(tzinfo=district.world.zone_of(district.world.properties[1]["_id"]))


def _history(district: Bridge) -> list[str]:
    """Return the days of the league that `history` has, up to today."""
    day = _first(district).date()
    file = io.BytesIO()
    write_history(district.store, HistoryQuery(day, day, as_json=True), file)
    found = json.loads(file.getvalue())["entries"]
    return [each["start"][:10] for each in found if each["title"] == "League"]


@pytest.mark.parametrize("status", SHOWN_AFTERWARDS)
def test_what_took_place_stays_in_feeds_and_history(district: Bridge, status: object) -> None:
    """To the last letter, and for ever; what is to come follows the new status."""
    (before, _) = district.entries(Feed("event", EVENT_ID, "reservation"))
    district.clock.advance(hours=3)
    district.world.set_field(EVENT_ID, "status", status)
    for full in (False, True):
        assert district.run(full=full).failures == []
        assert district.entries(Feed("event", EVENT_ID, "reservation")) == (before,)
        district.clock.advance(minutes=10)
    assert _history(district) == [str(_first(district).date())]
    district.world.set_status(EVENT_ID, "Approved")
    assert district.run().failures == []
    assert _shown(district) == [0, 7]


@pytest.mark.parametrize("status", ["Cancelled", "CANCELED", "declined", " Cancelled - Weather"])
def test_what_was_called_off_afterwards_did_not_take_place(district: Bridge, status: str) -> None:
    """Nor does a later word bring it back."""
    district.clock.advance(hours=3)
    for word in (status, "Completed"):
        district.world.set_status(EVENT_ID, word)
        assert district.run().failures == []
        assert (_shown(district), _history(district)) == ([], [])


def test_what_lost_its_status_before_it_ended_is_not_history(district: Bridge) -> None:
    """The last that was known up to its end counts."""
    district.clock.advance(hours=1, minutes=59)
    district.world.set_status(EVENT_ID, "Pending")
    assert district.run().failures == []
    district.clock.advance(hours=1)
    district.world.set_status(EVENT_ID, "Completed")
    assert district.run().failures == []
    assert (_shown(district), _history(district)) == ([], [])


def test_suspended_afterwards_is_history(district: Bridge) -> None:
    """A timeslot that is suspended when it is over took place."""
    district.clock.advance(hours=3)
    for index in (0, 1):
        district.world.suspend_timeslot(EVENT_ID, index)
    assert district.run().failures == []
    assert _shown(district) == [0]


# unknown statuses


def test_unknown_statuses_are_counted_once(district: Bridge) -> None:
    """An event counts when it comes to have the status, however often and in how many windows it is
    read.
    """
    known = district.store.read.health(district.clock())
    before = known.unknown_statuses, known.unknown_timeslot_statuses
    district.world.set_status(EVENT_ID, "Completed")
    district.world.set_timeslot_field(EVENT_ID, 1, "status", "On Hold")
    for full in (False, True, False, True):
        assert district.run(full=full).failures == []
    district.world.set_status(EVENT_ID, "COMPLETED")
    assert district.run().failures == []
    health = district.store.read.health(district.clock())
    assert health.unknown_statuses == {**before[0], "completed": 1}
    assert health.unknown_timeslot_statuses.keys() == {*before[1], "on hold"}


# ICALBRIDGE_APPROVED_STATUSES


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a deployment whose only league is confirmed, synced once."""
    with deployment(f"sqlite:///{tmp_path}/bridge.db", facilities=1, events_per_day=1) as place:
        _add_league(place.bridge)
        place.bridge.world.set_status(EVENT_ID, "Confirmed")
        assert place.bridge.run().failures == []
        yield place.settings


def _sync(environment: dict[str, str], statuses: str) -> tuple[Settings, list[str]]:
    """Sync with a setting, without --full; return the statuses of what the feeds show."""
    settings = from_environment({**environment, "ICALBRIDGE_APPROVED_STATUSES": statuses})
    with closing(Store.connect(settings.database_url)) as store:
        assert sync_with_progress(settings, store).failures == []
        events = store.read.entries_between([each.id for each in store.read.properties()], *_ALWAYS)
        return settings, sorted({each.event_id for each in events})


_ALWAYS = (datetime.fromisoformat("2000-01-01T00:00Z"), datetime.fromisoformat("2100-01-01T00:00Z"))


def test_operator_names_what_counts_as_approved(settings: dict[str, str]) -> None:
    """It takes effect with the next sync, and so does taking it back; what is not named is not
    shown.
    """
    approved = _sync(settings, "")[1]
    assert EVENT_ID not in approved
    assert _sync(settings, "approved, CONFIRMED ")[1] == sorted([*approved, EVENT_ID])
    assert _sync(settings, "confirmed,Approved")[1] == sorted([*approved, EVENT_ID])
    past = set(_sync(settings, "confirmed")[1]) - {EVENT_ID}
    assert past < set(approved)
    assert set(_sync(settings, "approved")[1]) - {EVENT_ID} == set(approved)


def test_status_names_unknown_statuses_until_the_operator_does(
    settings: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the table, with the setting that helps, and in JSON."""
    now = _ALWAYS[1]
    print_status(from_environment(settings), as_json=False, now=now)
    text = capsys.readouterr().out
    assert 'Unknown statuses: "confirmed" 1\n' in text
    assert "set ICALBRIDGE_APPROVED_STATUSES if these count as approved\n" in text
    print_status(from_environment(settings), as_json=True, now=now)
    assert json.loads(capsys.readouterr().out)["unknown_statuses"]["confirmed"] == 1
    named, _ = _sync(settings, "approved,confirmed")
    print_status(named, as_json=False, now=now)
    assert '"confirmed"' not in capsys.readouterr().out


def test_event_that_is_followed_has_its_status_counted_as_the_sync_does(
    settings: dict[str, str],
) -> None:
    """After a write, the same setting decides what is shown."""
    read = from_environment({**settings, "ICALBRIDGE_APPROVED_STATUSES": "approved,confirmed"})
    (user,) = read.require_keys()
    assert (user.key, user.approved_statuses) == (KEY, ("approved", "confirmed"))
    with closing(Store.connect(read.database_url)) as store:
        client = make_client(user, store)
        follower = EventRefresher(
            client, store, event_types=user.event_types, clock=lambda: _ALWAYS[0]
        )
        event = follower.refresh("reservation", EVENT_ID).event
        assert (event.status, event.entry_status) == ("confirmed", "approved")
        (entries,) = store.sync_reads.known([event.key]).values()
        assert {each.status for each in entries} == {"approved"}
