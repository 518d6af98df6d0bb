"""The page of one booking and its calendar: what they show, for how long, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.urls import item_path
from icalbridge.models import Changes, Event, StaffDetails
from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.samples import NOW, SCHOOL, ZONE, entry
from tests.web.seen import Seen, look
from tests.web.test_web_operations import take_away
from tests.web_world import PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry
    from icalbridge.store import Store

ITEM = admit(entry(24), Status.CONFIRMED, view(Audience.PUBLIC))
PENDING = entry(5, uid="pending", event_id="e5", status="pending")
SUSPENDED = entry(6, uid="suspended", event_id="e6", timeslot_status="suspended")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Store]:
    """A database with the catalogue and nothing that is booked."""
    opened = empty_store(tmp_path)
    add_catalogue(opened)
    yield opened
    opened.close()


def _client(store: Store, settings: Settings = PUBLIC, clock: Clock | None = None) -> FlaskClient:
    return create_app(settings, store, clock=clock or Clock()).test_client()


def _call_off(store: Store, known: Entry, **fields: object) -> None:
    """Let the vendor no longer have an entry, or have it otherwise."""
    gone = replace(known, cancelled=NOW, **fields)  # type: ignore[arg-type]
    change = Changes(withdrawn=(gone,)) if gone.withdrawn else Changes(changed=(gone,))
    sync(store, "school", change, now=NOW + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (ITEM, "/booking/u1"),
        (ITEM._replace(uid="a b/é?@icalbridge"), "/booking/a%20b%2F%C3%A9%3F"),
        (ITEM._replace(status=Status.CANCELLED, cancelled=NOW), "/booking/u1"),
        (ITEM._replace(status=Status.TENTATIVE), "/facility/gym"),
        (ITEM._replace(status=Status.TENTATIVE, facility_ids=()), "/property/school"),
        (ITEM._replace(uid=f"occupancy-{ITEM.uid}", facility_ids=("ç?",)), "/facility/%C3%A7%3F"),
    ],
)
def test_item_leads_to_its_booking_where_that_has_a_page(item: Item, path: str) -> None:
    """What is pending, and a block of use, leads to its facility, or to its school without one."""
    assert item_path(item) == path


def test_booking_page_shows_when_where_and_what(client: FlaskClient) -> None:
    seen = look(client, "/booking/gym0")
    assert "Saturday, November 21, 2026, 3:00 – 5:00 PM" in seen.text
    assert "Practice: Varsity" in seen.texts
    assert {"/", "/property/school", "/facility/gym"} <= set(seen.links())
    assert (
        "https://www.google.com/maps/search/?api=1"
        "&query=Lincoln+High%2C+1+Oak+St%2C+Sunnyvale%2C+CA+94087" in seen.links()
    )
    assert "1 Oak St, Sunnyvale, CA 94087" in seen.texts


def test_booking_page_leads_to_calendars_of_this_time_and_of_all(client: FlaskClient) -> None:
    links = look(client, "/booking/gym0").links()
    assert "/ical/booking/gym0.ics" in links
    assert "/ical/event/reservation/e1.ics" in links
    assert "webcal://calendars.example.org/ical/event/reservation/e1.ics" in links
    google = next(link for link in links if "calendar/render" in link)
    assert "text=Practice%3A+Varsity&dates=20261121T230000Z%2F20261122T010000Z" in google
    assert "details=https%3A%2F%2Fcalendars.example.org%2Fbooking%2Fgym0" in google


def test_booking_page_lists_its_other_times_upcoming_first(
    client: FlaskClient, clock: Clock
) -> None:
    """Twenty of each, without its own; those that are over with the newest first."""
    clock.advance(10 * 86_400)
    seen = look(client, "/booking/gym12")
    times = [link for link in seen.links() if link.startswith("/booking/")]
    coming = [f"/booking/gym{number}" for number in range(10, 30) if number != 12]
    past = [f"/booking/gym{number}" for number in range(9, -1, -1)]
    assert times == coming + past
    clock.now = NOW
    seen = look(client, "/booking/now")
    assert "There are no other upcoming times." in seen.texts
    seen = look(client, "/booking/gym29")
    assert len([link for link in seen.links() if link.startswith("/booking/")]) == 21
    assert "There are more; the calendar of all its times has them." in seen.texts


def test_booking_page_says_what_is_on_and_over(client: FlaskClient, clock: Clock) -> None:
    assert "On now" in look(client, "/booking/now").texts
    clock.advance(2 * 3600)
    assert "Over" in look(client, "/booking/now").texts


def test_booking_over_more_than_a_day_names_both_days(client: FlaskClient) -> None:
    seen = look(client, "/booking/odd9")
    assert "Sunday, November 22, 2026, 9:00 PM – Tuesday, November 24, 2026, 3:00 AM" in seen.text


def test_booking_page_names_where_to_ask_for_one(store: Store) -> None:
    """Only where the operator has set an address; ids are quoted."""
    settings = replace(PUBLIC, booking_url="https://book.example.org/{property_id}?f={facility_id}")
    asking = _client(store, settings)
    assert "https://book.example.org/school?f=gym" in look(asking, "/booking/gym0").links()
    assert (
        "https://book.example.org/odd?f=odd.id%20%C3%A9%2F1"
        in look(asking, "/booking/odd1").links()
    )
    assert "Ask for a booking here" not in look(_client(store), "/booking/gym0").text


def _known(store: Store) -> Entry:
    """Return the booking whose page most tests open."""
    coming = store.read.entries_between(["school"], NOW, NOW + timedelta(days=2))
    return next(entry for entry in coming if entry.uid == "gym0@icalbridge")


@pytest.mark.parametrize("status", ["withdrawn", "declined", "suspended"])
def test_booking_that_was_canceled_says_so_and_stays(
    store: Store, clock: Clock, status: str
) -> None:
    """Its page is there for good, its calendar empty; other times are still listed."""
    known = _known(store)
    fields: dict[str, dict[str, object]] = {
        "withdrawn": {"withdrawn": NOW},
        "declined": {"status": "declined"},
        "suspended": {"timeslot_status": "suspended"},
    }
    client = _client(store, clock=clock)
    assert "canceled" not in look(client, "/booking/gym0").text
    _call_off(store, known, **fields[status])
    clock.advance(60)
    seen = look(client, "/booking/gym0")
    assert "This booking was canceled (noticed on November 21, 2026)." in seen.texts
    assert "/booking/gym1" in seen.links()
    assert "/ical/booking/gym0.ics" not in seen.links()
    calendar = client.get("/ical/booking/gym0.ics")
    assert (calendar.status_code, "BEGIN:VEVENT" in calendar.text) == (200, False)
    marked = client.get("/ical/booking/gym0.ics?cancelled=mark")
    assert "SUMMARY:CANCELLED: Practice: Varsity" in marked.text
    clock.advance(400 * 86_400)
    assert "This booking was canceled" in look(client, "/booking/gym0").text


def test_canceled_booking_without_other_times_is_added_to_no_calendar(
    store: Store, client: FlaskClient, clock: Clock
) -> None:
    """What is off for good has nothing to subscribe to; its address can still be copied."""
    assert "Add to your calendar" in look(client, "/booking/pool").texts
    known = next(
        found
        for found in store.read.entries_between(["school"], NOW, NOW + timedelta(days=2))
        if found.uid == "pool@icalbridge"
    )
    _call_off(store, known, withdrawn=NOW)
    clock.advance(60)
    seen = look(client, "/booking/pool")
    assert "Add to your calendar" not in seen.texts
    assert not [link for link in seen.links() if link.startswith(("/ical", "webcal"))]
    scripts = [str(each.get("src")) for tag, each in seen.elements if tag == "script"]
    assert [source for source in scripts if source.startswith("/static/page.js")]


def test_booking_stays_when_it_is_long_over(client: FlaskClient, clock: Clock) -> None:
    clock.advance(900 * 86_400)
    assert "Over" in look(client, "/booking/gym0").texts
    assert "UID:gym0@icalbridge" in client.get("/ical/booking/gym0.ics").text


@pytest.mark.parametrize("suffix", ["ics", "json", "csv", "atom"])
def test_calendar_of_a_booking_has_one_entry(client: FlaskClient, suffix: str) -> None:
    answer = client.get(f"/ical/booking/gym3.{suffix}")
    assert answer.status_code == 200
    assert answer.headers["ETag"]
    assert answer.text.count("gym3@icalbridge") == 1
    assert "gym2@icalbridge" not in answer.text
    again = client.get(
        f"/ical/booking/gym3.{suffix}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/booking/nowhere", "/ical/booking/nowhere.ics", "/booking/gym0@icalbridge"]
)
def test_unknown_booking_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("booking_id", ["pending", "suspended"])
def test_booking_that_never_was_public_is_404(bare: Store, booking_id: str) -> None:
    """Also where pending bookings may be asked for: they are bookings of nobody yet."""
    sync(bare, "school", added([PENDING, SUSPENDED]))
    client = _client(bare, Settings(public_pending=True))
    assert client.get(f"/booking/{booking_id}").status_code == 404
    assert client.get(f"/ical/booking/{booking_id}.ics").status_code == 404


def test_booking_that_is_approved_later_appears(bare: Store, clock: Clock) -> None:
    sync(bare, "school", added([PENDING]))
    client = _client(bare, clock=clock)
    assert client.get("/booking/pending").status_code == 404
    approved = Changes(changed=(replace(PENDING, status="approved"),))
    sync(bare, "school", approved, now=NOW + timedelta(minutes=20))
    clock.advance(60)
    assert client.get("/booking/pending").status_code == 200


def test_nothing_private_is_on_a_booking_page(bare: Store) -> None:
    details = StaffDetails("Renter Rex", "rex@example.org", 4711, "R-9981", "Category Q")
    known = entry(3, uid="gym")
    event = Event("e1", "reservation", "school", ZONE, "Practice", "approved", particulars=details)
    sync(bare, "school", replace(added([known]), parsed=(event,)))
    html = _client(bare).get("/booking/gym").text
    for secret in ("Rex", "rex@example.org", "4711", "R-9981", "Category Q"):
        assert secret not in html


def test_booking_page_answers_conditional_requests(client: FlaskClient) -> None:
    first = client.get("/booking/gym0")
    again = client.get("/booking/gym0", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_booking_page_refuses_parameters_that_it_does_not_take(client: FlaskClient) -> None:
    answer = client.get("/booking/gym0?view=week")
    assert answer.status_code == 400
    assert "There is no parameter" in Seen(answer.text).text
    assert client.get("/booking/gym0?lang=es&utm_source=x").status_code == 200


def test_booking_page_is_served_while_the_database_is_down(
    store: Store, client: FlaskClient, clock: Clock, tmp_path: Path
) -> None:
    """Once this process has read it."""
    before = Seen(client.get("/booking/gym0").text).texts
    calendar = client.get("/ical/booking/gym0.ics").data
    take_away(store, tmp_path)
    clock.advance(30)
    answer = client.get("/booking/gym0")
    assert (answer.status_code, Seen(answer.text).texts) == (200, before)
    assert client.get("/ical/booking/gym0.ics").data == calendar
    assert client.get("/booking/gym1").status_code == 503


def test_entries_on_pages_lead_to_their_bookings(client: FlaskClient) -> None:
    """In every view of a place, in the builder's preview, and, in a new tab, in an embed."""
    for query in ("view=day", "view=week", "view=month", "view=list"):
        assert "/booking/gym0" in look(client, f"/facility/gym?{query}").links(), query
        assert "/booking/gym0" in look(client, f"/property/school?{query}").links(), query
    assert "/booking/gym0" in look(client, "/property/district").links()
    assert "/booking/gym0" in look(client, "/build?feed=facility:gym").links()
    assert "/booking/gym0?lang=es" in look(client, "/facility/gym?lang=es").links()
    for query in ("view=list", "view=week", "view=month"):
        links = [
            attributes
            for tag, attributes in look(client, f"/embed/facility/gym?{query}").elements
            if tag == "a" and attributes["href"] == "/booking/gym0"
        ]
        assert links, query
        assert {link["target"] for link in links} == {"_blank"}


def test_pending_entries_lead_nowhere(bare: Store) -> None:
    """They have no page of their own."""
    sync(bare, "school", added([PENDING]))
    client = _client(bare, Settings(public_pending=True))
    seen = look(client, "/build?feed=facility:gym&status=approved&status=pending")
    assert "pending" in seen.texts
    assert not [link for link in seen.links() if link.startswith("/booking/")]


def test_booking_page_describes_itself_to_other_sites(
    store: Store, client: FlaskClient, clock: Clock
) -> None:
    """When and where it is, and whether it still is: what a shared link shows."""
    known = _known(store)
    about = "Saturday, November 21, 2026, 3:00 – 5:00 PM · Main Gym, Lincoln High"
    assert _descriptions(client, "/booking/gym0") == {about}
    _call_off(store, known, status="declined")
    clock.advance(60)
    assert _descriptions(client, "/booking/gym0") == {f"This booking was canceled. · {about}"}
    assert '"eventStatus":"https://schema.org/EventCancelled"' in client.get("/booking/gym0").text


def _descriptions(client: FlaskClient, path: str) -> set[str | None]:
    return {
        attributes["content"]
        for tag, attributes in look(client, path).elements
        if tag == "meta"
        and {attributes.get("name"), attributes.get("property")} & {"description", "og:description"}
    }


def test_booking_page_has_structured_data(client: FlaskClient) -> None:
    html = client.get("/booking/gym0").text
    assert '"url":"https://calendars.example.org/booking/gym0"' in html
    assert f'"address":"Main Gym, {SCHOOL.name}, 1 Oak St, Sunnyvale, CA, 94087"' in html
