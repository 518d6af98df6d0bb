"""What the vendor tells of renters goes through a sync to where staff feeds find it, and is never
felt in public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import UNTOLD, EventKey, Feed, StaffDetails
from icalbridge.sandbox import hostile_names as names
from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.fixtures.bridges import Bridge, synced_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from tests.fixtures.stores import Prepared

EMAIL = "renata@renter.example"
SAID = [
    (names.RENTER_NAME, EMAIL),
    (names.RENTER_NAME, EMAIL),
    ("55501420", ""),
    (names.RENTER_NAME, EMAIL),
    ("", ""),
]
"""Name and address of each of the sandbox's renters."""


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once, on either database."""
    with synced_bridge(prepared, database_url) as made:
        yield made


def _truth(told: dict[str, Any]) -> StaffDetails:
    """Say what staff should be told of one of the vendor's events."""
    renter, email = SAID[names.RENTERS.index(told["renter"])]
    return StaffDetails(
        renter, email, told["attendance"], told["short_id"], told["rate_category"] or ""
    )


def test_every_event_has_the_vendors_particulars(district: Bridge) -> None:
    """Whatever shape its renter has; what the store knows of an event is what the vendor last said."""
    keys = {EventKey(each.event_type, each.event_id) for each in district.entries()}
    read = district.store.read.particulars(keys)
    known = {key: district.world.events[key.event_id] for key in keys}
    assert len(keys) > 100
    assert {key: told for key, (told, _) in read.items()} == {
        key: _truth(told) for key, told in known.items()
    }
    assert len({repr(each["renter"]) for each in known.values()}) == len(names.RENTERS)
    categories = {
        key: told["rate_category"] for key, told in known.items() if told["rate_category"]
    }
    read_back = {
        key: category
        for key, (category, _) in district.store.read.categories(keys).items()
        if category
    }
    assert read_back == categories


def _public(
    client: FlaskClient, district: Bridge
) -> dict[str, tuple[bytes, list[tuple[str, str]]]]:
    """Return body and headers of every property's and facility's feed."""
    ids = {"property": district.world.properties, "facility": district.world.facilities}
    paths = [f"/ical/{kind}/{each['_id']}.ics" for kind, some in ids.items() for each in some]
    answers = {path: client.get(path) for path in paths}
    return {
        path: (each.data, sorted((name, value) for name, value in each.headers if name != "Date"))
        for path, each in answers.items()
    }


def test_changed_renter_changes_no_public_byte(district: Bridge) -> None:
    """Body, ETag and Last-Modified stay, although the revision tells staff feeds to be rendered
    anew.
    """
    app = create_app(Settings(), district.store, clock=district.clock)
    entry = next(
        each for each in district.entries() if each.start > district.clock() and each.facility_id
    )
    place = Feed("facility", entry.facility_id)
    before, state = _public(app.test_client(), district), district.store.read.feed_state(place)
    district.world.set_field(entry.event_id, "renter", {"name": "Somebody Else"})
    district.world.set_field(entry.event_id, "attendance", 12)
    district.clock.advance(minutes=30)
    assert (report := district.run()).failures == []
    assert report.changes == 0
    told, changed = district.store.read.particulars([entry.key])[entry.key]
    assert (told.renter, told.email, told.attendance, changed) == (
        "Somebody Else",
        "",
        12,
        district.clock(),
    )
    after = district.store.read.feed_state(place)
    assert state is not None
    assert after is not None
    assert (after.revision > state.revision, after.changed) == (True, state.changed)
    assert _public(app.test_client(), district) == before


def test_what_an_older_version_read_is_read_anew(district: Bridge) -> None:
    """Every digest of an older version is unknown, so that the first sync after an upgrade reads
    them all.
    """
    key = next(each.key for each in district.entries() if each.start > district.clock())
    with district.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM particulars")
        connection.exec_driver_sql("UPDATE events SET digest = 'of-an-older-version-' || event_id")
    assert district.store.read.particulars([key]) == {}
    assert district.run().failures == []
    told, _ = district.store.read.particulars([key])[key]
    assert told == _truth(district.world.events[key.event_id]) != UNTOLD
