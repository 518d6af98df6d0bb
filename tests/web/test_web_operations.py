"""`/healthz`, `/readyz`, `/metrics`, `/robots.txt`: what machines are told, also when something is
down.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from icalbridge.models import Changes
from icalbridge.web import create_app
from icalbridge.web.routes.health import CHALLENGE, DATABASE
from tests.samples import NOW, entry
from tests.web_world import (
    FACILITIES,
    PUBLIC,
    USER,
    WINDOW,
    Clock,
    add_catalogue,
    added,
    empty_store,
    fill,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = empty_store(tmp_path)
    yield opened
    opened.close()


def take_away(store: Store, folder: Path) -> None:
    """Let the database be gone: nothing can be opened in its place."""
    store.engine.dispose()
    for left in folder.glob("bridge.db*"):
        left.unlink()
    (folder / "bridge.db").mkdir()


def ready(store: Store) -> None:
    """Fetch the catalogue and one school."""
    add_catalogue(store, {"school": FACILITIES["school"]})
    sync(store, "school", added([entry(1)]))
    assert store.api_keys.claim_catalog(USER, "worker", now=NOW, at_once=True)
    store.api_keys.finish_catalog(USER, now=NOW, due=LATER)
    store.workers.beat("worker", now=NOW)


def scraped(text: str) -> dict[str, float]:
    """Read an exposition as Prometheus does; samples by name and labels."""
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_healthz_lives_without_a_database(
    client: FlaskClient, store: Store, tmp_path: Path
) -> None:
    """The process is alive, whatever the database does: nobody should restart it for that."""
    take_away(store, tmp_path)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (
        200,
        "ok\n",
        "no-store",
    )
    challenged = client.get("/healthz", headers={CHALLENGE: "x"})
    assert (challenged.status_code, challenged.headers[DATABASE]) == (200, "other")


def test_readyz_is_503_until_everything_was_fetched_once(client: FlaskClient, store: Store) -> None:
    """Before the first sync, and while one school is missing, traffic should wait."""
    assert (client.get("/readyz").status_code, client.get("/readyz").json["ready"]) == (503, False)  # type: ignore[index]
    fill(store)
    assert client.get("/readyz").status_code == 503


def test_readyz_says_how_fresh_everything_is(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Ages, times in UTC, the worker, the quota: all that an operator asks first."""
    ready(store)
    clock.advance(60)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content_type, answer.json) == (
        200,
        "application/json",
        {
            "ready": True,
            "now": "2026-11-21T20:01:00Z",
            "catalogue": {
                "synced": "2026-11-21T20:00:00Z",
                "age_seconds": 60,
                "error": "",
                "invocation_id": "",
            },
            "workers_alive": 1,
            "worker_alive": True,
            "entries": 1,
            "skipped": 0,
            "quota_used": 0,
            "stretch": 1.0,
            "keys": [
                {
                    "name": "default",
                    "error": "",
                    "error_at": None,
                    "quota_used": 0,
                    "quota_per_day": 0,
                    "stretch": 1.0,
                }
            ],
            "properties": [
                {
                    "property_id": "school",
                    "name": "Lincoln High",
                    "zone": "America/Los_Angeles",
                    "zone_source": "",
                    "synced": "2026-11-21T20:00:00Z",
                    "age_seconds": 60,
                    "month_synced": "2026-11-21T20:00:00Z",
                    "month_age_seconds": 60,
                    "oldest_window_synced": "2026-11-21T20:00:00Z",
                    "oldest_window_age_seconds": 60,
                    "attempted": "2026-11-21T20:00:00Z",
                    "error": "",
                    "error_at": None,
                    "invocation_id": "",
                }
            ],
        },
    )


def test_readyz_names_the_last_error(client: FlaskClient, store: Store, clock: Clock) -> None:
    """A failed fetch shows with the vendor's invocation id; what was fetched before keeps the site
    ready.
    """
    ready(store)
    store.windows.make_due(["school"], now=NOW)
    claim = store.windows.claim(USER, "worker", now=NOW)
    assert claim is not None
    store.windows.fail(claim, "GET /property/school/events: 503", "inv-1", now=LATER, due=LATER)
    clock.now = LATER
    answer = client.get("/readyz")
    assert answer.json is not None
    told = answer.json["properties"][0]
    assert (
        answer.status_code,
        told["error"],
        told["error_at"],
        told["invocation_id"],
        told["age_seconds"],
    ) == (200, "GET /property/school/events: 503", "2026-11-21T20:10:00Z", "inv-1", 600)


def test_readyz_tells_today_from_the_month(client: FlaskClient, store: Store, clock: Clock) -> None:
    """A district's day makes today fresh, and today alone; a school never fetched is not ready for
    that.
    """
    add_catalogue(store, {"district": [], "school": FACILITIES["school"]})
    store.windows.ensure(["district"], 0, now=NOW, first=-1)
    claim_day(store)
    assert told_of(client, "school") == (None, None, None)
    sync(store, "school")
    clock.advance(60)
    claim_day(store, now=clock())
    clock.advance(5)
    assert told_of(client, "school") == (5, 65, 65)
    assert told_of(client, "district") == (None, None, None)


def claim_day(store: Store, *, now: datetime = NOW) -> None:
    """Let the district's day have been fetched, and the school have been in it."""
    days = [each for each in store.windows.state(USER).windows if each.number == -1]
    claim = store.windows.claim_planned(days, "worker", now=now)
    assert claim is not None
    store.windows.finish(claim, WINDOW, Changes(), now=now, covered_ids=["school"])


def told_of(client: FlaskClient, property_id: str) -> tuple[int | None, int | None, int | None]:
    """Return how old `/readyz` says today, the month and the oldest window of a property are."""
    said = client.get("/readyz").json
    assert said is not None
    told = next(each for each in said["properties"] if each["property_id"] == property_id)
    return told["age_seconds"], told["month_age_seconds"], told["oldest_window_age_seconds"]


def test_readyz_tells_each_keys_trouble(client: FlaskClient, store: Store, clock: Clock) -> None:
    """What keeps a key from being served, what is left to it, and that its plan is stretched: the
    site stays ready.
    """
    ready(store)
    store.api_keys.note_pace(USER, 2.46, 500)
    store.api_keys.update_allowance(USER, lambda *_: (NOW.date(), 480, 0.0, 0.0))
    store.api_keys.note_trouble(
        USER, "GET /properties: 401; feeds go on from what is known", now=NOW
    )
    clock.advance(60)
    answer = client.get("/readyz")
    assert answer.json is not None
    assert (
        answer.status_code,
        answer.json["stretch"],
        answer.json["quota_used"],
        answer.json["keys"],
    ) == (
        200,
        2.5,
        480,
        [
            {
                "name": "default",
                "error": "GET /properties: 401",
                "error_at": "2026-11-21T20:00:00Z",
                "quota_used": 480,
                "quota_per_day": 500,
                "stretch": 2.5,
            }
        ],
    )


def test_readyz_without_a_database_says_so(
    client: FlaskClient, store: Store, tmp_path: Path
) -> None:
    """One sentence, and nothing of where the database is or who logs in there."""
    take_away(store, tmp_path)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (
        503,
        {"ready": False, "error": "The database cannot be used; the log says why."},
    )


def test_metrics_tell_how_fresh_the_data_is(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """The store's health as gauges, read at the moment of the scrape."""
    ready(store)
    store.write.count({"skipped:timeslot": 3})
    clock.advance(45)
    told = scraped(client.get("/metrics").text)
    assert {
        name: value for name, value in told.items() if "http" not in name and "cache" not in name
    } == {
        "icalbridge_database_up": 1,
        "icalbridge_ready": 1,
        "icalbridge_workers_alive": 1,
        "icalbridge_calendars_loaded_total": 0,
        "icalbridge_entries": 1,
        "icalbridge_quota_used": 0,
        "icalbridge_catalogue_age_seconds": 45,
        "icalbridge_skipped_total reason=timeslot": 3,
        "icalbridge_changes_total": 0,
        "icalbridge_stretch": 1,
        "icalbridge_key_failing key=default": 0,
        "icalbridge_tier_age_seconds tier=today": 45,
        "icalbridge_tier_age_seconds tier=month": 45,
        "icalbridge_tier_age_seconds tier=year": 45,
        "icalbridge_data_age_seconds property_id=school window=today": 45,
        "icalbridge_data_age_seconds property_id=school window=oldest": 45,
        "icalbridge_data_age_limit_seconds property_id=school window=today": 173_700,
        "icalbridge_data_age_limit_seconds property_id=school window=oldest": 173_700,
        "icalbridge_property_failing property_id=school": 0,
    }


def test_metrics_escape_what_a_label_must_not_hold(client: FlaskClient, store: Store) -> None:
    """Quotes, backslashes and line breaks, as any text of a vendor may have them."""
    ready(store)
    reason = 'a "quoted" \\ word\nand a line'
    store.write.count({f"skipped:{reason}": 2})
    assert scraped(client.get("/metrics").text)[f"icalbridge_skipped_total reason={reason}"] == 2


def test_metrics_tell_what_the_sync_did(client: FlaskClient, store: Store) -> None:
    """Requests by outcome, changes, what was skipped and why, what is left to each key: all workers
    together.
    """
    ready(store)
    store.write.count({"requests:200": 40, "requests:503": 2, "requests:none": 1, "changes": 12})
    store.write.count(
        {"requests:200": 2, "skipped:no id": 3, "skipped:end not after start": 4, "changes": 1}
    )
    store.write.add_api_user("hills")
    store.api_keys.note_pace(USER, 2.5, 500)
    store.api_keys.update_allowance(USER, lambda *_: (NOW.date(), 480, 0.0, 0.0))
    store.api_keys.note_pace("hills", 1.0, 100)
    store.api_keys.note_trouble("hills", "the quota is used up", now=NOW)
    told = scraped(client.get("/metrics").text)
    named = ("vendor", "changes", "skipped", "quota", "key", "stretch")
    assert {
        name: value
        for name, value in told.items()
        if any(each in name.split(" ")[0] for each in named)
    } == {
        "icalbridge_vendor_requests_total outcome=200": 42,
        "icalbridge_vendor_requests_total outcome=503": 2,
        "icalbridge_vendor_requests_total outcome=none": 1,
        "icalbridge_changes_total": 13,
        "icalbridge_skipped_total reason=no id": 3,
        "icalbridge_skipped_total reason=end not after start": 4,
        "icalbridge_quota_used": 480,
        "icalbridge_quota_left key=default": 20,
        "icalbridge_quota_left key=hills": 100,
        "icalbridge_key_failing key=default": 0,
        "icalbridge_key_failing key=hills": 1,
        "icalbridge_stretch": 2.5,
    }


def test_metrics_count_unknown_statuses(client: FlaskClient, store: Store) -> None:
    """By status; of events and of timeslots apart."""
    ready(store)
    store.write.count({"status:completed": 3, "status:other": 1, "timeslot_status:done": 2})
    told = scraped(client.get("/metrics").text)
    assert {name: value for name, value in told.items() if "unknown" in name} == {
        "icalbridge_unknown_event_status_total status=completed": 3,
        "icalbridge_unknown_event_status_total status=other": 1,
        "icalbridge_unknown_timeslot_status_total status=done": 2,
    }


def test_metrics_tell_the_age_of_each_tier(client: FlaskClient, store: Store, clock: Clock) -> None:
    """The age of who waits longest: of today, of the first 31 days, of the year."""
    ready(store)
    store.windows.ensure(["school"], 2, now=NOW)
    assert _tiers(client) == {"today": 0, "month": 0}
    late = store.windows.claim(USER, "worker", now=NOW)
    assert late is not None
    store.windows.finish(late, WINDOW, Changes(), now=NOW)
    clock.advance(100)
    sync(store, "school", now=clock())
    clock.advance(20)
    assert _tiers(client) == {"today": 20, "month": 20, "year": 120}


def _tiers(client: FlaskClient) -> dict[str, float]:
    told = scraped(client.get("/metrics").text)
    start = "icalbridge_tier_age_seconds tier="
    return {
        name.removeprefix(start): value for name, value in told.items() if name.startswith(start)
    }


def test_metrics_count_requests_through_both_doors(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Every answer counts under its endpoint and status, whether Flask gave it or memory; hits and
    misses likewise.
    """
    ready(store)
    feed = "/ical/facility/gym.ics"
    for _ in range(4):
        client.get(feed)
    clock.advance(2)
    client.get(feed, headers={"If-None-Match": "*"})
    client.get(feed, headers={"If-None-Match": "*"})
    client.get("/ical/facility/unknown.ics")
    client.post(feed)
    client.get("/facility/pool")
    client.get("/made/up/address")
    told = scraped(client.get("/metrics").text)
    assert {
        name: value
        for name, value in told.items()
        if "http" in name or "hits" in name or "misses" in name
    } == {
        "icalbridge_http_requests_total endpoint=ical.feed status=200": 4,
        "icalbridge_http_requests_total endpoint=ical.feed status=304": 2,
        "icalbridge_http_requests_total endpoint=ical.feed status=404": 1,
        "icalbridge_http_requests_total endpoint=none status=404": 1,
        "icalbridge_http_requests_total endpoint=none status=405": 1,
        "icalbridge_http_requests_total endpoint=pages.facility status=200": 1,
        "icalbridge_feed_cache_hits_total": 5,
        "icalbridge_feed_cache_misses_total": 1,
    }
    assert told["icalbridge_feed_cache_bytes"] > 1000


def test_metrics_of_two_applications_are_apart(store: Store, clock: Clock) -> None:
    """Each application counts for itself: no registry is shared."""
    ready(store)
    one, other = (create_app(PUBLIC, store, clock=clock).test_client() for _ in range(2))
    one.get("/ical/facility/gym.ics")
    assert scraped(one.get("/metrics").text)["icalbridge_feed_cache_misses_total"] == 1
    assert scraped(other.get("/metrics").text)["icalbridge_feed_cache_misses_total"] == 0


def test_metrics_without_a_database_still_count(
    client: FlaskClient, store: Store, tmp_path: Path
) -> None:
    """An outage is a metric too: the scrape works and says that the database is down."""
    take_away(store, tmp_path)
    client.get("/healthz")
    answer = client.get("/metrics")
    told = scraped(answer.text)
    assert (answer.status_code, told["icalbridge_database_up"]) == (200, 0)
    assert told["icalbridge_http_requests_total endpoint=operations.healthz status=200"] == 1


def test_robots_may_fetch_feeds(client: FlaskClient) -> None:
    """Google Calendar obeys robots.txt: nothing is forbidden; the map is named."""
    answer = client.get("/robots.txt")
    assert (answer.status_code, answer.text) == (
        200,
        "User-agent: *\nDisallow:\nSitemap: https://calendars.example.org/sitemap.xml\n",
    )


# several processes


@contextmanager
def gunicorn(folder: Path) -> Iterator[str]:
    """Serve a filled database by processes that share their counters, as `serve` does; each answers
    once only.
    """
    counters = folder / "counters"
    counters.mkdir()
    options = [
        "--workers",
        "2",
        "--max-requests",
        "1",
        "--bind",
        "127.0.0.1:0",
        "--no-control-socket",
    ]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        *options,
        f"tests.web_world:application({str(folder)!r})",
    ]
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(counters)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        told = iter(server.stderr.readline, "")
        address = next(
            found[1] for line in told if (found := re.search(r"Listening at: (\S+)", line))
        )
        try:
            yield address
        finally:
            server.terminate()
            server.stderr.read()


def test_processes_agree_and_count_together(store: Store, tmp_path: Path) -> None:
    """Three processes, one after another, give one calendar, octet for octet, and one sum of what
    they answered.
    """
    fill(store)
    with gunicorn(tmp_path) as address:
        answers = [
            requests.get(f"{address}/ical/property/district.ics", timeout=60) for _ in range(3)
        ]
        told = scraped(requests.get(f"{address}/metrics", timeout=60).text)
    assert len({(each.status_code, each.headers["ETag"], each.content) for each in answers}) == 1
    assert len({each.headers["Last-Modified"] for each in answers}) == 1
    assert told["icalbridge_http_requests_total endpoint=ical.feed status=200"] == 3
    assert told["icalbridge_feed_cache_misses_total"] == 3
    assert told["icalbridge_database_up"] == 1
