"""Lists that are longer than a screen or two: each page of them leads to the next, and nothing is
lost between two.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.web.parameters import Key
from tests.samples import NOW, POOL, entry
from tests.web.seen import Seen, look
from tests.web_world import JAPANESE_GYM as FAR_GYM
from tests.web_world import added, odd_entry, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

EXTRA = 150
MOST = {"/property/district": 40, "/property/school": 40, "/facility/pool": 100}


@pytest.fixture
def crowded(store: Store) -> Store:
    """Many bookings of the pool that begin at the same minute, today and on the next two days."""
    many = [
        entry(2 + number % 3 * 24, uid=f"x{number}", event_id=f"x{number}", facility=POOL)
        for number in range(EXTRA)
    ]
    sync(store, "school", added(many))
    return store


def bookings(seen: Seen) -> list[str]:
    return [link.removeprefix("/booking/") for link in seen.links() if link.startswith("/booking/")]


def walk(client: FlaskClient, address: str) -> list[list[str]]:
    """Return the bookings of a list, page by page."""
    path = address.partition("?")[0]
    pages = []
    while address:
        seen = look(client, address)
        pages.append(bookings(seen))
        onward = [link for link in seen.links() if "next=" in link and "lang=" not in link]
        assert len(onward) <= 1
        address = f"{path}{onward[0].partition('#')[0]}" if onward else ""
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize(
    "query", ["?view=list", "?view=list&date=2026-11-21", "?view=list&q=practice"]
)
@pytest.mark.parametrize("path", MOST)
def test_list_goes_on_behind_a_link(
    crowded: Store, client: FlaskClient, path: str, query: str
) -> None:
    """Each page has a bounded number of entries, and all of them together have every one once,
    however many begin at the same minute.
    """
    pages = walk(client, path + query)
    assert len(pages) > 1
    assert max(len(set(page)) for page in pages) <= MOST[path], "a long one is on each of its days"
    shown = [uid for page in pages for uid in page]
    assert sorted(uid for uid in shown if uid.startswith("x")) == sorted(
        f"x{number}" for number in range(EXTRA)
    )
    days = [day for day in range(8) if path != "/facility/pool"]
    assert [uid for uid in shown if uid.startswith("gym")] == [f"gym{day}" for day in days]


def test_day_of_a_district_goes_on_in_the_list(crowded: Store, client: FlaskClient) -> None:
    """It shows the first thirty, and its link leads to those that follow and not to the same."""
    for query in ("", "?date=2026-11-21", "?date=2026-11-22", "?date=2026-11-22&q=practice"):
        pages = walk(client, f"/property/district{query}")
        assert len(pages[0]) == 30
        extra = [uid for page in pages for uid in page if uid.startswith("x")]
        assert len(extra) == len(set(extra))
        assert set(extra) >= {f"x{number}" for number in range(1 if "22" in query else 0, EXTRA, 3)}


@pytest.mark.parametrize(
    "query", ["?view=list", "?view=list&date=2026-11-21", "?view=list&date=2026-11-22", "?view=day"]
)
@pytest.mark.parametrize("path", MOST)
def test_list_shows_what_began_days_ago_and_goes_on(
    store: Store, client: FlaskClient, path: str, query: str
) -> None:
    """Also where that alone is more than a page."""
    if path != "/property/district" and query == "?view=day":
        query = "?view=list&q=practice"
    began, ends = NOW - timedelta(days=3), NOW + timedelta(days=4)
    many = [
        entry(0, uid=f"x{number:03}", event_id="x", facility=POOL, start=began, end=ends)
        for number in range(EXTRA)
    ]
    sync(store, "school", added(many))
    pages = walk(client, path + query)
    assert all(pages)
    first = {uid for page in pages[:-1] for uid in page if uid.startswith("x")}
    assert len(first) >= 100
    shown = {uid for page in pages for uid in page if uid.startswith("x")}
    assert shown == {each.uid.partition("@")[0] for each in many}


def test_list_that_goes_on_keeps_its_filters(crowded: Store, client: FlaskClient) -> None:
    seen = look(client, "/property/school?view=list&q=practice&lang=es")
    (onward,) = {link.partition("next=")[0] for link in seen.links() if "next=" in link}
    assert onward == "?view=list&lang=es&q=practice&"


def test_day_of_a_school_in_another_zone_is_its_own(store: Store, client: FlaskClient) -> None:
    """At half past nine in Los Angeles it is tomorrow in New York: that booking is in tomorrow's day
    of the district, and in no other.
    """
    sync(store, "odd", added([odd_entry(33.5, FAR_GYM, 50, "Owls")]))
    days = {
        day: "odd50" in bookings(look(client, f"/property/district?date=2026-11-{day}"))
        for day in (22, 23, 24)
    }
    assert days == {22: False, 23: True, 24: False}


def test_list_has_what_is_tomorrow_in_another_zone(store: Store, client: FlaskClient) -> None:
    """Also where the page ends at what begins later and is still today's."""
    sync(store, "odd", added([odd_entry(33.5, FAR_GYM, 50, "Owls")]))
    many = [entry(34, uid=f"x{number}", event_id="x", facility=POOL) for number in range(EXTRA)]
    sync(store, "school", added(many))
    for query in ("?view=list", "?view=list&date=2026-11-22"):
        pages = walk(client, f"/property/district{query}")
        assert [uid for page in pages for uid in page].count("odd50") == 1


@pytest.mark.parametrize(
    "text", ["x", "0", "LTEuMS54", urlsafe_b64encode(b"9" * 40 + b".1.x").decode().rstrip("=")]
)
def test_list_refuses_what_no_page_links_to(client: FlaskClient, text: str) -> None:
    """In a sentence, also a moment that no calendar has."""
    answer = client.get(f"/property/school?view=list&next={text}")
    assert answer.status_code == 400
    assert (
        f"next is '{text}' and must be what the page before has in its link."
        in Seen(answer.text).texts
    )
    assert client.get(f"/api/v1/properties/school/entries?after={text}").status_code == 400


def test_key_is_read_as_it_is_written() -> None:
    key = Key(int(NOW.timestamp()), int((NOW + timedelta(days=1)).timestamp()), "é.1@x")
    assert Key.read(str(key)) == key
