"""`/ical/feed/<slug>.<suffix>`: saved feeds that anybody may read, and not one that is for staff."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING

import icalendar
import pytest
from sqlalchemy import select

from icalbridge.feeds.audience import Audience, Field
from icalbridge.feeds.query import Cancelled, FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Changes, EventKey
from icalbridge.settings import Settings
from icalbridge.store.tables import properties
from icalbridge.web import create_app, usage
from tests.samples import NOW, POOL, entry
from tests.web_world import added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.web_world import Clock

PLAIN = Saved(
    "gyms",
    "All gyms",
    "For everybody",
    "teal",
    facility_ids=("gym", "pool"),
    query=FeedQuery(ahead=3),
)
PATH = "/ical/feed/gyms.ics"


def save(store: Store, spec: Saved) -> None:
    store.saved.put([to_keep(spec)], now=NOW)


def told(client: FlaskClient, path: str = PATH) -> list[tuple[str, str]]:
    """Return UID and SUMMARY of all that a feed shows."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    calendar = icalendar.Calendar.from_ical(answer.data)
    return [
        (str(each["UID"]).partition("@")[0], str(each["SUMMARY"]))
        for each in calendar.walk("VEVENT")
    ]


def test_saved_feed_shows_what_it_selects(client: FlaskClient, store: Store) -> None:
    """Under its name, with its description and its colour; with its own address as SOURCE."""
    save(store, PLAIN)
    assert told(client) == [
        ("now", "Open Gym"),
        ("gym0", "Practice: Varsity"),
        ("pool", "Reserved"),
        ("gym1", "Practice: Varsity"),
        ("gym2", "Practice: Varsity"),
    ]
    text = client.get(PATH).text.replace("\r\n ", "")
    head = text[: text.index("BEGIN:VTIMEZONE")].splitlines()
    assert [
        line
        for line in head
        if line.startswith(("NAME", "DESC", "COLOR", "X-APPLE", "SOURCE", "URL"))
    ] == [
        "NAME:All gyms",
        "DESCRIPTION:For everybody",
        "COLOR:teal",
        "X-APPLE-CALENDAR-COLOR:teal",
        "SOURCE;VALUE=URI:https://calendars.example.org/ical/feed/gyms.ics",
        "URL:https://calendars.example.org/property/school",
    ]


def test_saved_feed_is_public_like_any_other(client: FlaskClient, store: Store) -> None:
    """The same headers, and 304 for who has it."""
    save(store, PLAIN)
    answer, plain = client.get(PATH), client.get("/ical/facility/gym.ics")
    same = (
        "Cache-Control",
        "Access-Control-Allow-Origin",
        "Referrer-Policy",
        "Content-Type",
        "Vary",
    )
    assert [answer.headers.get(name) for name in same] == [plain.headers.get(name) for name in same]
    assert answer.headers["Content-Disposition"] == 'inline; filename="all-gyms.ics"'
    assert "X-Robots-Tag" not in answer.headers
    assert client.get(PATH, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_rules_and_single_events_decide(client: FlaskClient, store: Store) -> None:
    """A rule hides, one renames; an event of another school is there, one of this school is not."""
    spec = replace(
        PLAIN,
        rules=(
            Rule(Action.HIDE, words=("open",)),
            Rule(Action.RENAME, activity=("varsity",), title="Sports"),
        ),
        include=frozenset({EventKey("reservation", "odd9")}),
        exclude=frozenset({EventKey("reservation", "e2")}),
    )
    save(store, spec)
    assert told(client) == [
        ("gym0", "Sports"),
        ("gym1", "Sports"),
        ("odd9", "Night of dance"),
        ("gym2", "Sports"),
    ]


def test_shape_is_saved(client: FlaskClient, store: Store) -> None:
    """Days, words, zone: what an address could ask for."""
    save(
        store,
        replace(
            PLAIN, query=FeedQuery(past=0, ahead=0, utc=True, title="{school}, {facility}: {name}")
        ),
    )
    assert told(client) == [("now", "Lincoln High, Main Gym: Open Gym")]
    assert "DTSTART:20261121T190000Z" in client.get(PATH).text


def test_cancelled_entries_stay_where_that_was_saved(client: FlaskClient, store: Store) -> None:
    """With their mark."""
    save(store, replace(PLAIN, facility_ids=("pool",), query=FeedQuery(cancelled=Cancelled.MARK)))
    gone = entry(
        26,
        uid="pool",
        facility=POOL,
        event_id="e2",
        name="Swim",
        withdrawn=NOW,
        cancelled=NOW,
        sequence=1,
    )
    sync(store, "school", Changes(withdrawn=(gone,)))
    assert told(client) == [("pool", "CANCELLED: Swim")]


def test_facilities_of_one_event_are_one_entry_where_that_was_saved(
    client: FlaskClient, store: Store
) -> None:
    """As `group=event` does it; renamed ones too."""
    both = (
        entry(5, uid="a", event_id="e9", name="Cup"),
        entry(5, uid="b", event_id="e9", name="Cup", facility=POOL),
    )
    sync(store, "school", added(both))
    include = frozenset({EventKey("reservation", "e9")})
    save(store, Saved("gyms", include=include, query=FeedQuery(grouped=True)))
    assert told(client) == [("a", "Cup")]


def test_fields_are_what_was_saved(client: FlaskClient, store: Store) -> None:
    """Of the place nothing, not even in a link."""
    save(store, replace(PLAIN, fields=frozenset({Field.NAME}), query=FeedQuery(past=0, ahead=0)))
    text = client.get(PATH).text
    assert told(client) == [("now", "Open Gym")]
    assert "LOCATION" not in text
    assert "URL:https://calendars.example.org/property/school" in text[text.index("BEGIN:VEVENT") :]
    assert "gym" not in text[text.index("BEGIN:VEVENT") :].lower().replace("open gym", "")


def test_other_formats_are_of_the_same_feed(client: FlaskClient, store: Store) -> None:
    """JSON, CSV and Atom; each with its own address."""
    save(store, PLAIN)
    read = json.loads(client.get("/ical/feed/gyms.json").data)
    assert (read["title"], read["url"]) == (
        "All gyms",
        "https://calendars.example.org/ical/feed/gyms.json",
    )
    assert [each["title"] for each in read["entries"]] == [title for _, title in told(client)]
    for suffix in ("csv", "atom"):
        assert client.get(f"/ical/feed/gyms.{suffix}").status_code == 200


@pytest.mark.parametrize("audience", [Audience.STAFF, Audience.OPERATIONS])
def test_feed_that_is_not_public_is_as_unknown_as_any(
    client: FlaskClient, store: Store, audience: Audience
) -> None:
    """The same 404, header for header, in every format."""
    save(store, replace(PLAIN, audience=audience))
    for suffix in ("ics", "json", "csv", "atom"):
        answer, unknown = (
            client.get(f"/ical/feed/gyms.{suffix}"),
            client.get(f"/ical/feed/unknown.{suffix}"),
        )
        assert (answer.status_code, answer.data, list(answer.headers)) == (
            404,
            unknown.data,
            list(unknown.headers),
        )


@pytest.mark.parametrize(
    "path", ["/ical/feed/GYMS.ics", "/ical/feed/gyms", "/ical/feed/.ics", "/ical/feed/a%2Fb.ics"]
)
def test_what_can_be_no_slug_asks_nobody(
    client: FlaskClient, store: Store, statements: list[str], path: str
) -> None:
    """404, and the database is left in peace."""
    assert client.get(path).status_code == 404
    assert statements == []


@pytest.mark.parametrize("slug", ["gyms", "unknown"])
def test_parameters_are_refused(client: FlaskClient, store: Store, slug: str) -> None:
    """400 with a sentence, whether or not there is such a feed."""
    save(store, PLAIN)
    answer = client.get(f"/ical/feed/{slug}.ics?past=3")
    assert (answer.status_code, answer.text) == (
        400,
        "What this calendar shows was decided when it was saved; ask for it without parameters.\n",
    )


def test_edited_feed_is_another_within_a_second_at_the_same_address(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Its entity tag changes with it."""
    save(store, PLAIN)
    tag = client.get(PATH).headers["ETag"]
    save(store, replace(PLAIN, name="Gyms"))
    clock.advance(1)
    answer = client.get(PATH)
    assert "NAME:Gyms\r\n" in answer.text
    assert answer.headers["ETag"] != tag


def test_feed_that_becomes_private_is_gone_within_a_second(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """What was kept of it in memory is served to nobody, not even with the old tag."""
    save(store, PLAIN)
    tag = client.get(PATH).headers["ETag"]
    save(store, replace(PLAIN, audience=Audience.STAFF))
    clock.advance(1)
    for _ in range(2):
        assert client.get(PATH, headers={"If-None-Match": tag}).status_code == 404


def test_removed_feed_is_gone_within_a_second(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """404 like one that never was."""
    save(store, PLAIN)
    client.get(PATH)
    store.saved.remove("gyms")
    clock.advance(1)
    assert client.get(PATH).status_code == 404


def test_pending_bookings_are_shown_where_the_operator_allows_it(
    store: Store, clock: Clock
) -> None:
    """A feed that was saved when they were allowed loses them with the setting."""
    sync(
        store,
        "school",
        added([entry(1, uid="maybe", event_id="e8", name="Maybe", status="pending")]),
    )
    save(store, replace(PLAIN, query=FeedQuery(status=("approved", "pending"), past=0, ahead=1)))
    shown = [
        ("maybe", "Maybe")
        in told(create_app(Settings(public_pending=allowed), store, clock=clock).test_client())
        for allowed in (True, False)
    ]
    assert shown == [True, False]


def test_feed_of_a_place_that_was_never_fetched_is_awaited(
    client: FlaskClient, store: Store
) -> None:
    """503 with Retry-After, like that of the place itself."""
    save(store, Saved("new", property_ids=("never",)))
    answer = client.get("/ical/feed/new.ics")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_what_it_shows_is_noted_as_read(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the schools that it names or shows, so that the planner keeps them fresh."""
    monkeypatch.setattr(usage, "WRITE_SECONDS", 0)
    begun: list[Timer] = []

    class Seen(Timer):
        def start(self) -> None:
            begun.append(self)
            super().start()

    monkeypatch.setattr(usage, "Timer", Seen)
    include = frozenset({EventKey("reservation", "odd9")})
    save(store, replace(PLAIN, property_ids=("alone",), include=include))
    client.get(PATH)
    for thread in begun:
        thread.join()
    with store.engine.connect() as connection:
        read = connection.scalars(select(properties.c.id).where(properties.c.read_at.is_not(None)))
        assert set(read) == {"alone", "school", "odd"}


def test_time_alone_takes_entries_from_a_saved_feed(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """By the days that were saved."""
    save(store, replace(PLAIN, query=FeedQuery(past=0, ahead=0)))
    assert told(client) == [("now", "Open Gym")]
    clock.now = NOW + timedelta(hours=1)
    assert told(client) == []


def test_specification_that_cannot_be_read_is_an_outage(client: FlaskClient, store: Store) -> None:
    """As a newer version may leave one behind: no traceback, and what was made of it before goes on
    being served.
    """
    store.saved.put([replace(to_keep(PLAIN), spec="nothing = 1")], now=NOW)
    assert client.get(PATH).status_code == 503


def test_feed_of_staff_tells_nobody_that_it_is_there(client: FlaskClient, store: Store) -> None:
    """Neither that it is still being fetched: it is not to be had at its public address, like one
    that never was.
    """
    save(store, replace(PLAIN, audience=Audience.STAFF, property_ids=("new",)))
    assert client.get(PATH).status_code == client.get("/ical/feed/unknown.ics").status_code == 404
