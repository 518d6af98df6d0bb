"""`icalbridge.web.readers`: who reads a calendar is counted, once a day, whatever serves it."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from icalbridge import tokens
from icalbridge.feeds import PLAIN, Address
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Feed
from icalbridge.store.readers import MAX_READERS
from icalbridge.store.tables import reader_hashes
from icalbridge.web import create_app, readers, usage
from icalbridge.web.readers import client_family
from tests.samples import NOW
from tests.web_world import PUBLIC, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from icalbridge.store import Store

GYM = "/ical/facility/gym.ics"
IPHONE = "iOS/18.5 (22F76) dataaccessd/1.0"
AGENTS = [
    ("Google-Calendar-Importer", "google"),
    ("Mozilla/5.0 (compatible; Google-Calendar-Importer)", "google"),
    (
        "Mozilla/5.0 (compatible; Google-Apps-Script; beanserver; +https://script.google.com; id: UAEmdDd8b)",
        "google",
    ),
    (IPHONE, "apple"),
    ("iOS/6.1.3 (10B329) dataaccessd/1.0", "apple"),
    ("macOS/13.4 (22F66) dataaccessd/1.0", "apple"),
    ("macOS/15.5 (24F74) CalendarAgent/1192", "apple"),
    ("Mac OS X/10.15.7 (19H2) CalendarAgent/930.5.1", "apple"),
    ("Mac+OS+X/10.11.6 (15G1004) CalendarAgent/361.2", "apple"),
    ("iCal/4.0.4 (1395.7) CalendarStore/5.0.4 (1140.7) Mac OS X/10.6.8 (10K549)", "apple"),
    ("DAVKit/4.0.1 (730); CalendarStore/4.0.1 (973); iCal/4.0.1 (1374)", "apple"),
    (
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)",
        "outlook",
    ),
    ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "outlook"),
    (
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Win64; x64; Trident/7.0; .NET4.0C; Microsoft Outlook 16.0.4266; ms-office; MSOffice 16)",
        "outlook",
    ),
    ("Microsoft Exchange/15.20", "outlook"),
    ("Outlook-iOS/2.0", "outlook"),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0",
        "thunderbird",
    ),
    (
        "Mozilla/5.0 (Windows NT 6.1; rv:60.0) Gecko/20100101 Thunderbird/60.9.1 Lightning/6.2.9.1",
        "thunderbird",
    ),
    ("HomeAssistant/2025.6.1 httpx/0.28.1 Python/3.13", "home assistant"),
    ("HomeAssistant/2024.12.5 aiohttp/3.11.11 Python/3.13", "home assistant"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:142.0) Gecko/20100101 Firefox/142.0",
        "other",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        "other",
    ),
    ("ICSx5/2.2.4 (2024/06/15; okhttp3/4.12.0) Android/14", "other"),
    ("curl/8.5.0", "other"),
    ("", "other"),
]


@pytest.mark.parametrize(("agent", "family"), AGENTS)
def test_user_agents_have_families(agent: str, family: str) -> None:
    """As these programs write them."""
    assert client_family(agent) == family


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Timer]:
    """Every timer that was begun; none runs out by itself."""
    begun: list[Timer] = []

    class PendingTimer(Timer):
        def start(self) -> None:
            begun.append(self)

    monkeypatch.setattr(usage, "Timer", PendingTimer)
    return begun


@pytest.fixture
def app(store: Store, clock: Clock, timers: list[Timer]) -> Flask:
    assert timers == []
    return create_app(PUBLIC, store, clock=clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def run_out(timers: list[Timer]) -> None:
    for timer in timers:
        timer.function()
    timers.clear()


def read(
    client: FlaskClient,
    path: str = GYM,
    *,
    address: str = "198.51.100.1",
    agent: str = IPHONE,
    method: str = "GET",
    **headers: str,
) -> int:
    sent = {"User-Agent": agent} | {name.replace("_", "-"): text for name, text in headers.items()}
    environ: dict[str, Any] = {"REMOTE_ADDR": address}
    answer = client.open(path, method=method, headers=sent, environ_base=environ)
    return answer.status_code


def counted(store: Store, timers: list[Timer]) -> dict[tuple[str, str], int]:
    """Let everything be written; return today's counts."""
    run_out(timers)
    counts = store.readers.counts(since=date(2026, 11, 21))
    return {(count.feed, count.family): count.readers for count in counts}


def test_every_way_to_be_answered_counts(
    client: FlaskClient, store: Store, timers: list[Timer]
) -> None:
    """The first answer comes through Flask, the others from memory; a 304 and a HEAD are readers,
    too, and so are other formats and filters.
    """
    assert read(client, address="198.51.100.1") == 200
    assert read(client, address="198.51.100.2") == 200
    etag = client.get(GYM, environ_base={"REMOTE_ADDR": "198.51.100.2"}).headers["ETag"]
    assert read(client, address="198.51.100.3", If_None_Match=etag) == 304
    assert read(client, address="198.51.100.4", method="HEAD") == 200
    assert read(client, "/ical/facility/gym.json", address="198.51.100.5") == 200
    assert read(client, f"{GYM}?past=3", address="198.51.100.6") == 200
    assert read(client, f"{GYM}?past=3", address="198.51.100.6", Accept_Encoding="gzip") == 200
    assert counted(store, timers) == {
        ("facility/gym", "apple"): 6,
        ("facility/gym", "other"): 1,  # the request for the tag has another user agent
    }


def test_refusals_are_no_readers(client: FlaskClient, store: Store, timers: list[Timer]) -> None:
    """Unknown calendars, bad queries, calendars that were never fetched, pages and pre-flights."""
    for path, status in (
        ("/ical/facility/unknown.ics", 404),
        (f"{GYM}?nonsense=1", 400),
        ("/ical/facility/never-gym.ics", 503),
        ("/facility/gym", 200),
        ("/metrics", 200),
    ):
        assert read(client, path) == status
    read(client, method="OPTIONS")
    assert counted(store, timers) == {}


def test_a_client_is_counted_once_a_day(
    client: FlaskClient, store: Store, clock: Clock, timers: list[Timer]
) -> None:
    """It is written once, and again on the next day."""
    for _ in range(3):
        read(client)
        run_out(timers)
        clock.advance(60)
    assert counted(store, timers) == {("facility/gym", "apple"): 1}
    clock.now = datetime.combine(date(2026, 11, 22), time(0, 0, 30), UTC)
    read(client)
    run_out(timers)
    assert [(count.day.day, count.readers) for count in store.readers.counts(since=NOW.date())] == [
        (21, 1),
        (22, 1),
    ]


def test_processes_count_together(
    store: Store, clock: Clock, timers: list[Timer], app: Flask
) -> None:
    """The same client at two processes is one, also after a restart."""
    for each in (app, create_app(PUBLIC, store, clock=clock)):
        read(each.test_client())
        read(each.test_client(), address="198.51.100.2")
    assert counted(store, timers) == {("facility/gym", "apple"): 2}


def test_google_is_one(client: FlaskClient, store: Store, timers: list[Timer]) -> None:
    """It fetches for all its users, from many addresses."""
    for number in range(5):
        read(client, address=f"66.249.84.{number}", agent="Google-Calendar-Importer")
    assert counted(store, timers) == {("facility/gym", "google"): 1}


def test_private_feeds_are_counted_by_slug(
    client: FlaskClient, store: Store, timers: list[Timer]
) -> None:
    """The token is nowhere; a public address of the same feed is counted apart."""
    store.saved.put([to_keep(Saved("team", "Team", facility_ids=("gym",)))], now=NOW)
    token = tokens.new_token()
    store.saved.add_token("team", "coach", tokens.digest(token), now=NOW)
    assert read(client, f"/ical/private/{token}.ics") == 200
    assert read(client, f"/ical/private/{token}.ics", address="198.51.100.2") == 200
    assert read(client, "/ical/feed/team.ics") == 200
    assert counted(store, timers) == {("private/team", "apple"): 2, ("feed/team", "apple"): 1}


def test_single_bookings_are_counted_together(
    client: FlaskClient, store: Store, timers: list[Timer]
) -> None:
    """Nobody can make a row for each of thousands."""
    assert read(client, "/ical/event/reservation/e1.ics") == 200
    assert read(client, "/ical/event/reservation/e2.ics") == 200
    assert counted(store, timers) == {("event", "apple"): 1}


@pytest.mark.parametrize(
    ("proxies", "address", "forwarded", "readers_"),
    [
        (("127.0.0.1",), "127.0.0.1", ("203.0.113.1", "203.0.113.2"), 2),
        (("127.0.0.1",), "198.51.100.9", ("203.0.113.1", "203.0.113.2"), 1),
        (("10.0.0.0/8",), "10.2.3.4", ("evil, 203.0.113.1", "203.0.113.1"), 1),
        ((), "127.0.0.1", ("203.0.113.1", "203.0.113.2"), 1),
        (("127.0.0.1",), "", ("203.0.113.1", "203.0.113.2"), 2),
    ],
)
def test_trusted_proxies_say_who_asks(
    store: Store,
    clock: Clock,
    timers: list[Timer],
    proxies: tuple[str, ...],
    address: str,
    forwarded: tuple[str, ...],
    readers_: int,
) -> None:
    """The last address of `X-Forwarded-For`, if it comes from a proxy that is trusted, or over a
    Unix socket; what a client puts before it counts for nothing.
    """
    settings = replace(PUBLIC, trusted_proxies=proxies)
    client = create_app(settings, store, clock=clock).test_client()
    for text in forwarded:
        read(client, address=address, X_Forwarded_For=text)
    assert counted(store, timers) == {("facility/gym", "apple"): readers_}


def test_request_waits_for_nothing(
    client: FlaskClient, store: Store, statements: list[str], timers: list[Timer]
) -> None:
    """A new client costs no statement; what is known to be there costs none at all."""
    read(client)
    statements.clear()
    for number in range(20):
        read(client, address=f"198.51.100.{number}")
    assert statements == []
    assert len([timer for timer in timers if timer.daemon]) == len(timers)


def test_flood_takes_little_memory(
    client: FlaskClient, store: Store, timers: list[Timer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless user agents and addresses are cut, few wait, and few are remembered."""
    monkeypatch.setattr(readers, "MAX_WAITING", 30)
    monkeypatch.setattr(readers, "MAX_READERS", 50)
    for number in range(100):
        read(client, agent=f"{number} " + "x" * 5000)
        if number == 40:
            assert counted(store, timers) == {("facility/gym", "other"): 30}
    assert counted(store, timers) == {("facility/gym", "other"): 50}


def test_database_that_is_gone_harms_no_reader(
    client: FlaskClient,
    store: Store,
    clock: Clock,
    timers: list[Timer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning without anything of the client; who comes again is counted again."""
    read(client)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE reader_hashes RENAME TO elsewhere")
    run_out(timers)
    read(client, address="198.51.100.2")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO reader_hashes")
    read(client)
    assert counted(store, timers) == {("facility/gym", "apple"): 2}
    assert any(record.levelno == logging.WARNING for record in caplog.records)
    assert "198.51.100" not in caplog.text
    assert "dataaccessd" not in caplog.text


def test_nothing_of_a_client_is_stored_or_logged(
    client: FlaskClient,
    store: Store,
    clock: Clock,
    timers: list[Timer],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither address nor user agent is ever in the database; after the day not even a hash."""
    caplog.set_level(logging.DEBUG)
    address, agent = "203.0.113.77", "Planted/1.0 (unique user agent)"

    def stored() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("bridge.db*"))

    read(client, address=address, agent=agent)
    run_out(timers)
    with store.engine.connect() as connection:
        (digest,) = connection.scalars(select(reader_hashes.c.digest))
    hashes = digest.to_bytes(8, signed=True)
    assert address.encode() not in stored()
    assert agent.encode() not in stored()
    assert hashes in stored()
    clock.now += timedelta(days=1)
    read(client, address="198.51.100.2")
    run_out(timers)
    assert hashes not in stored()
    assert address not in caplog.text
    assert agent not in caplog.text


def test_memory_of_a_full_day_is_small(store: Store, clock: Clock, timers: list[Timer]) -> None:
    """As many clients as are counted take a few megabytes of a process."""
    seen = readers.CalendarReaders(store, clock, ())
    address = Address(Feed("facility", "gym"), PLAIN, "ics")
    for number in range(MAX_READERS + 5_000):
        seen.note(address, {"REMOTE_ADDR": f"{number}", "HTTP_USER_AGENT": IPHONE}, NOW)
        if len(seen._waiting) == readers.MAX_WAITING:
            seen._waiting.clear()
    assert len(seen._seen) == MAX_READERS
    assert sys.getsizeof(seen._seen) + sum(map(sys.getsizeof, seen._seen)) < 10_000_000
