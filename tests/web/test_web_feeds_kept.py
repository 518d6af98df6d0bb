"""Feeds in memory: rendered once, renewed in time, kept through outages, the same from every
process.
"""

from __future__ import annotations

import logging
import re
import socket
from dataclasses import replace
from datetime import timedelta
from threading import Event as ThreadingEvent
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import requests
from sqlalchemy import event

from icalbridge.models import Changes, Facility, Property
from icalbridge.store import Store
from icalbridge.web import create_app
from icalbridge.web.rendered_feed import readable_name
from icalbridge.web.revision_cache import Missing
from tests.fixtures.serving import serving
from tests.samples import NOW, SCHOOL, entry
from tests.web_world import (
    DISTRICT,
    ODD,
    PRIVATE,
    PUBLIC,
    Clock,
    add_catalogue,
    added,
    empty_store,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

GYM_FEED = "/ical/facility/gym.ics"


def said_by(answer: TestResponse) -> tuple[str, list[tuple[str, str]], bytes]:
    return answer.status, list(answer.headers), answer.data


# kept and renewed


def test_feed_revision_is_asked_once_a_second(
    client: FlaskClient, clock: Clock, statements: list[str]
) -> None:
    """A hundred requests within a second ask the database nothing more; the next second asks for
    the revision only.
    """
    client.get(GYM_FEED)
    statements.clear()
    for _ in range(100):
        clock.advance(0.009)
        client.get(GYM_FEED)
    assert statements == []
    clock.advance(1)
    client.get(GYM_FEED)
    assert sum("FROM facilities" in statement for statement in statements) == 1
    assert sum("FROM entries" in statement for statement in statements) == 0


def test_feed_shows_a_change_within_a_second(
    client: FlaskClient, clock: Clock, store: Store
) -> None:
    """A revision raised means rendered anew: another body, another tag, a later date."""
    before = client.get(GYM_FEED)
    clock.advance(30)
    sync(store, "school", added([entry(5, uid="new", event_id="new")]), now=clock.now)
    after = client.get(GYM_FEED)
    assert after.data.count(b"BEGIN:VEVENT") == before.data.count(b"BEGIN:VEVENT") + 1
    assert after.headers["ETag"] != before.headers["ETag"]
    assert after.headers["Last-Modified"] == "Sat, 21 Nov 2026 20:00:30 GMT"


def test_feed_another_schools_change_leaves_it_alone(
    client: FlaskClient, clock: Clock, store: Store, statements: list[str]
) -> None:
    """A feed is rendered anew for its own revision only."""
    before = client.get("/ical/facility/nameless.ics")
    sync(store, "school", added([entry(5, uid="new", event_id="new")]))
    statements.clear()
    clock.advance(2)
    assert said_by(client.get("/ical/facility/nameless.ics")) == said_by(before)
    assert sum("FROM entries" in statement for statement in statements) == 0


def test_feed_changes_when_time_alone_moves_on(client: FlaskClient, clock: Clock) -> None:
    """What ended longer ago than the feed reaches back leaves it at that very moment, without any
    sync.
    """
    gone = NOW + timedelta(hours=1, days=PUBLIC.history_days)
    clock.now = gone - timedelta(seconds=1)
    assert client.get(GYM_FEED).data.count(b"BEGIN:VEVENT") == 31
    clock.now = gone
    assert client.get(GYM_FEED).data.count(b"BEGIN:VEVENT") == 30


def test_feed_that_is_renewed_keeps_nobody_waiting(store: Store, clock: Clock) -> None:
    """While one reader's request reads the entries of a new revision, the others get the calendar
    as it was.
    """
    client = create_app(PUBLIC, store, clock=clock).test_client
    before = client().get(GYM_FEED).data
    sync(store, "school", added([entry(5, uid="new", event_id="new")]))
    clock.advance(2)
    reading, go_on = ThreadingEvent(), ThreadingEvent()

    @event.listens_for(store.engine, "before_cursor_execute")
    def hold(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM entries" in statement:
            reading.set()
            assert go_on.wait(30)

    renewed: list[bytes] = []
    renewing = Thread(target=lambda: renewed.append(client().get(GYM_FEED).data))
    renewing.start()
    assert reading.wait(30)
    meanwhile = client().get(GYM_FEED).data
    go_on.set()
    renewing.join()
    assert meanwhile == before
    assert renewed == [client().get(GYM_FEED).data] != [before]


def test_feed_that_was_good_stays_when_a_school_is_added(
    client: FlaskClient, clock: Clock, store: Store
) -> None:
    """A district whose new school was never fetched is not taken from those who read it."""
    address = "/ical/property/district.ics"
    before = client.get(address)
    grown = replace(DISTRICT, child_ids=(*DISTRICT.child_ids, "new"))
    store.write.apply_catalog(
        "default", [grown, SCHOOL, ODD, Property("new")], {}, Changes(), now=NOW
    )
    store.windows.ensure(["new"], 1, now=NOW)
    clock.advance(2)
    assert said_by(client.get(address)) == said_by(before)


def test_feed_is_rendered_once_for_many_at_a_time(
    store: Store, clock: Clock, statements: list[str]
) -> None:
    """Twenty first readers at once: one reads the entries, the others wait for its calendar."""
    client = create_app(PUBLIC, store, clock=clock).test_client
    bodies: list[bytes] = []
    threads = [Thread(target=lambda: bodies.append(client().get(GYM_FEED).data)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(bodies), len(set(bodies))) == (20, 1)
    reads = [each for each in statements if "entries.uid" in each and "start_at >=" in each]
    assert len(reads) == 1


def test_feed_cache_is_bounded_under_many_feeds(tmp_path: Path, clock: Clock) -> None:
    """Feeds past the bound are rendered again, never refused, and the memory stays within it."""
    store = empty_store(tmp_path)
    halls = [Facility(f"hall{number}", "school", f"Hall {number}") for number in range(60)]
    add_catalogue(store, {"school": halls})
    sync(
        store,
        "school",
        added(entry(1, uid=f"u{hall.id}", facility=hall, event_id=hall.id) for hall in halls),
    )
    client = create_app(PUBLIC, store, clock=clock, cache_bytes=100_000).test_client()
    answers = [client.get(f"/ical/facility/{hall.id}.ics") for hall in halls * 2]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 60
    kept = re.search(
        r"^icalbridge_feed_cache_bytes (.*)$", client.get("/metrics").text, re.MULTILINE
    )
    assert kept is not None
    assert 50_000 < float(kept[1]) <= 100_000
    store.close()


def test_feed_larger_than_the_cache_is_served_all_the_same(store: Store, clock: Clock) -> None:
    """A cache too small for anything costs time, nothing else."""
    client = create_app(PUBLIC, store, clock=clock, cache_bytes=10).test_client()
    answers = [client.get(GYM_FEED, headers={"Accept-Encoding": "gzip"}) for _ in range(2)]
    assert said_by(answers[0]) == said_by(answers[1])
    assert answers[0].status_code == 200


# outages


@pytest.fixture
def unplug(store: Store, tmp_path: Path) -> Callable[[bool], None]:
    """Take the database away, or bring it back."""
    kept, away = tmp_path / "bridge.db", tmp_path / "away"

    def unplug(out: bool) -> None:
        store.engine.dispose()
        if out:
            kept.rename(away)
            kept.mkdir()
        else:
            kept.rmdir()
            away.rename(kept)

    return unplug


def test_feed_outlives_its_database(
    client: FlaskClient,
    clock: Clock,
    unplug: Callable[[bool], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While the database is away a feed in memory is served for hours; its start and its end are
    logged once.
    """
    before = said_by(client.get(GYM_FEED))
    unplug(True)
    with caplog.at_level(logging.INFO, "icalbridge.web.feed_cache"):
        for _ in range(5):
            clock.advance(3600)
            assert said_by(client.get(GYM_FEED)) == before
        unplug(False)
        clock.advance(1)
        assert said_by(client.get(GYM_FEED)) == before
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_feed_outage_asks_the_database_once_a_second(
    store: Store, clock: Clock, unplug: Callable[[bool], None]
) -> None:
    """A database that is down is not knocked at by every reader."""
    client = create_app(PUBLIC, store, clock=clock).test_client()
    client.get(GYM_FEED)
    unplug(True)
    tries: list[object] = []
    event.listen(store.engine, "do_connect", lambda *_: tries.append(1))
    clock.advance(1)
    for _ in range(10):
        assert client.get(GYM_FEED).status_code == 200
    assert len(tries) == 1


def test_feed_not_in_memory_asks_for_patience_during_an_outage(
    client: FlaskClient, unplug: Callable[[bool], None]
) -> None:
    """Nothing to serve and nobody to ask is a 503, not a 404 that would make calendars drop their
    subscription.
    """
    unplug(True)
    answer = client.get(GYM_FEED)
    assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (
        503,
        "30",
        f"{Missing.UNREACHABLE.value}\n",
    )


# who asks, and of which process


@pytest.mark.parametrize(
    "host", ["evil.example", '"><script>alert(1)</script>', "evil.example:99999", ""]
)
@pytest.mark.parametrize("public", [True, False])
def test_feed_never_repeats_the_host_that_was_asked(
    store: Store, clock: Clock, host: str, public: bool
) -> None:
    """A hostile Host header, on the very request that renders, leaves nothing in what others get
    from memory.
    """
    app = create_app(PUBLIC if public else PRIVATE, store, clock=clock)
    with serving(app) as address:
        hostile = raw_get(address, GYM_FEED, host)
        clean = requests.get(address + GYM_FEED, timeout=10)
    reference = (
        create_app(PUBLIC if public else PRIVATE, store, clock=clock)
        .test_client()
        .get(GYM_FEED)
        .data
    )
    assert clean.content == reference
    assert hostile.endswith(reference)
    assert b"evil" not in hostile
    assert b"<script" not in hostile
    assert (b"calendars.example.org" in reference, b"localhost" in reference) == (public, False)


def raw_get(address: str, path: str, host: str) -> bytes:
    """Ask with a Host header that no client library would send; return the whole answer."""
    name, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((name, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_feed_is_the_same_from_every_process_and_after_a_restart(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Two applications over one database, one of them started hours later, agree on every header
    and octet.
    """
    first = said_by(
        create_app(PUBLIC, store, clock=clock).test_client().get("/ical/property/district.ics")
    )
    clock.advance(3 * 3600)
    again = Store.connect(f"sqlite:///{tmp_path}/bridge.db")
    second = said_by(
        create_app(PUBLIC, again, clock=clock).test_client().get("/ical/property/district.ics")
    )
    again.close()
    assert first == second


def test_feed_is_withdrawn_with_its_entries_not_its_address(
    client: FlaskClient, clock: Clock, store: Store
) -> None:
    """A school that the vendor no longer lists keeps its feeds: subscribers see no error."""
    client.get(GYM_FEED)
    store.write.apply_catalog("default", [], {}, Changes(), now=NOW)
    clock.advance(2)
    assert client.get(GYM_FEED).status_code == 200


@pytest.mark.parametrize(
    ("title", "feed_id", "name"),
    [
        ("Main Gym, Lincoln High", "g1", "main-gym-lincoln-high"),
        ("Café “Ünïcode” №5", "g1", "cafe-unicode-no5"),
        ("第二体育館", "67d3-G", "67d3-g"),
        ("\U0001f3c0", "体育", "calendar"),
        ('"; rm -rf / \r\nX: y', "g1", "rm-rf-x-y"),
        ("W" * 200, "g1", "w" * 60),
    ],
)
def test_readable_name_is_safe_in_a_header(title: str, feed_id: str, name: str) -> None:
    """A file name of letters, digits and hyphens, out of the title or else the id."""
    assert readable_name(title, feed_id) == name
