"""A calendar whose first day alone is larger than `ICALBRIDGE_FEED_MAX_BYTES`: not empty, in any
format or shape.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.samples import NOW, POOL, entry
from tests.web.seen import Seen
from tests.web_world import Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

SITE = "https://calendars.example.org"
MOST = 10_000
SCHOOL = "/ical/property/school"
FIVE_MINUTES = timedelta(minutes=5)
UNTIL = re.compile(r"^X-ICALBRIDGE-COMPLETE-UNTIL:(\d{8}T\d{6}Z)\r$", re.MULTILINE)
LARGE = "This calendar is very large: it holds everything until "
LARGE_IN_SPANISH = "Este calendario es muy grande: contiene todo hasta "


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Store]:
    """A school whose pool is booked anew every ten minutes all day long, and tomorrow too."""
    store = empty_store(tmp_path)
    add_catalogue(store)
    starts = [-6 + number / 6 for number in range(6 * 36)]
    many = [
        entry(hours, uid=f"u{number:04}", event_id=f"e{number}", facility=POOL, end=_end(hours))
        for number, hours in enumerate(starts)
    ]
    sync(store, "school", added(many))
    yield store
    store.close()


def _end(hours: float) -> object:
    return NOW + timedelta(hours=hours) + FIVE_MINUTES


@pytest.fixture
def client(busy: Store, clock: Clock) -> FlaskClient:
    return create_app(
        Settings(public_url=SITE, feed_max_bytes=MOST), busy, clock=clock
    ).test_client()


def starts(text: str) -> list[str]:
    """Return when the bookings of an iCalendar file begin, in its own order."""
    return re.findall(
        r"^DTSTART;TZID=America/Los_Angeles:(\S+)\r$",
        text.partition("BEGIN:VEVENT")[2],
        re.MULTILINE,
    )


@pytest.mark.parametrize("suffix", ["ics", "json", "csv", "atom"])
@pytest.mark.parametrize("query", ["", "?view=occupancy", "?group=event", "?detail=busy"])
def test_feed_whose_first_day_does_not_fit_is_not_empty(
    client: FlaskClient, suffix: str, query: str
) -> None:
    """Every format and shape has something in it that is still to come, and none is larger than it
    may be.
    """
    answer = client.get(f"{SCHOOL}.{suffix}{query}")
    assert answer.status_code == 200
    assert len(answer.data) <= MOST
    mark = {"ics": "BEGIN:VEVENT", "json": '"uid"', "csv": "@icalbridge", "atom": "<entry>"}[suffix]
    assert answer.text.count(mark) > 10


@pytest.mark.parametrize("query", ["", "?view=occupancy"])
def test_feed_goes_on_from_what_is_next(client: FlaskClient, clock: Clock, query: str) -> None:
    """The first booking is what comes next at that moment; until when all are there is the start of
    the next one.
    """
    for hours in (0, 3, 11.95):
        clock.now = NOW + timedelta(hours=hours)
        text = client.get(f"{SCHOOL}.ics{query}").text
        local = clock.now - timedelta(hours=8)
        begun = starts(text)
        assert begun[0] == ("20261122T000000" if hours == 11.95 else f"{local:%Y%m%dT%H%M}00")
        assert begun == sorted(begun)
        until = UNTIL.search(text)
        assert until is not None
        last = f"{until[1][9:11]}{until[1][11:13]}"
        assert int(last[2:]) % 10 == 0
        assert len(begun) > 10


def test_cached_feed_is_rendered_anew_when_a_booking_ends(
    client: FlaskClient, clock: Clock
) -> None:
    """With no change of data: the same bytes until the booking that is on ends, other ones from
    then on.
    """
    first = client.get(f"{SCHOOL}.ics")
    clock.now = NOW + FIVE_MINUTES - timedelta(seconds=1)
    same = client.get(f"{SCHOOL}.ics")
    clock.now = NOW + FIVE_MINUTES
    other = client.get(f"{SCHOOL}.ics")
    assert (same.data, same.headers["ETag"]) == (first.data, first.headers["ETag"])
    assert other.data != first.data
    assert other.last_modified is not None
    assert other.last_modified >= clock.now
    assert (
        client.get(f"{SCHOOL}.ics", headers={"If-None-Match": first.headers["ETag"]}).status_code
        == 200
    )


@pytest.mark.parametrize(("lang", "said"), [("en", LARGE), ("es", LARGE_IN_SPANISH)])
def test_pages_show_until_when_the_feed_holds_everything(
    client: FlaskClient, lang: str, said: str
) -> None:
    """Down to the minute, since it is within a day."""
    until = UNTIL.search(client.get(f"{SCHOOL}.ics").text)
    assert until is not None
    hour, minute = int(until[1][9:11]) - 8, until[1][11:13]
    seen = Seen(
        client.get(f"/property/school?lang={lang}", headers={"Accept-Language": "en-US"}).text
    )
    told = next(text for text in seen.texts if text.startswith(said))
    assert re.search(rf"\b{(hour - 1) % 12 + 1}:{minute}\b", told)
    built = Seen(client.get(f"/build?feed=property:school&lang={lang}").text)
    assert any(text.startswith(said) for text in built.texts)


def test_builder_previews_what_is_in_the_feed(client: FlaskClient) -> None:
    """As many entries as the feed has, of which the first ten are shown."""
    count = client.get(f"{SCHOOL}.ics").text.count("BEGIN:VEVENT")
    assert f"{count} entries" in Seen(client.get("/build?feed=property:school").text).texts
