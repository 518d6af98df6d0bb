"""`/status`: in words for people how each school stands, and nothing that is for operators only."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from icalbridge.models import Changes, Property
from icalbridge.store.health import Freshness, Health, KeyHealth
from icalbridge.web import create_app
from icalbridge.web.routes.status import Trouble, status_of
from tests.samples import NOW, ZONE
from tests.web.seen import look
from tests.web_world import HOSTILE, PUBLIC, USER, Clock, empty_store, sync

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.models import ZoneSource
    from icalbridge.store import Store

SECRET = "Invocation 1-abc at db.example.org refused key k-1"
SCHOOL = Freshness("school", "Lincoln High", ZONE, NOW, NOW, NOW, NOW, "", None, "inv-1")
OLD = replace(SCHOOL, property_id="old", today_synced=NOW - timedelta(hours=20))
NEVER = replace(SCHOOL, property_id="never", today_synced=None, month_synced=None)
FAILING = replace(
    OLD,
    property_id="failing",
    error=SECRET,
    error_at=NOW - timedelta(minutes=5),
    invocation_id="inv-9",
)
KEY = KeyHealth("sunny-secret-name", "", None, 1500, 10_000)
GOOD = Health(NOW, "", "", 1, 9, 0, {}, NOW.date(), 1500, (KEY,), (SCHOOL, OLD, NEVER))


def test_status_tells_every_school_worst_first(client: FlaskClient, clock: Clock) -> None:
    """What was never read comes ahead of what was read long ago, and that ahead of what is fresh."""
    clock.advance(3 * 3600)
    seen = look(client, "/status")
    said = seen.after("School by school", 11)
    assert said == [
        "Brand-new School",
        "Waiting for the first update.",
        "Sunny Union District",
        "District",
        "Last updated 3 hours ago. Schools whose calendars nobody has used for a week are updated less often.",
        "Lincoln High",
        "Last updated 3 hours ago. Schools whose calendars nobody has used for a week are updated less often.",
        " ".join(HOSTILE.split()),
        "Last updated 3 hours ago. Schools whose calendars nobody has used for a week are updated less often.",
        "Phoenix Academy",
        "Last updated 3 hours ago. Schools whose calendars nobody has used for a week are updated less often.",
    ]


def test_status_says_when_nothing_fetches(client: FlaskClient, store: Store, clock: Clock) -> None:
    """No worker has given a sign for five minutes: it is said, and what that means."""
    store.workers.beat("worker", now=NOW)
    seen = look(client, "/status")
    good = "Everything is working. The booking system is responding, and its changes appear here automatically."
    assert good in seen.texts
    clock.advance(301)
    seen = look(client, "/status")
    assert (
        good in seen.texts,
        [text[:35] for text in seen.texts if text.startswith("Updates")],
    ) == (False, ["Updates have stopped. Calendars sti"])


def test_status_of_all_well() -> None:
    """With a worker and no failure all is well, even while a school is waited for or rests."""
    made = status_of(GOOD, NOW)
    assert (made.good, [school.kind for school in made.schools]) == (
        True,
        ["waiting", "resting", "fresh"],
    )
    assert (made.quota_used, made.quota_per_day, made.stretched) == (1500, 10_000, False)


def test_status_of_a_failure_says_since_when() -> None:
    """A school that could not be read comes first, with the moment by its own clock and how old
    what it shows is.
    """
    made = status_of(replace(GOOD, properties=(SCHOOL, FAILING)), NOW)
    first = made.schools[0]
    assert (made.good, first.kind, first.failed, first.read) == (
        False,
        "failing",
        "11:55 AM, November 21, 2026",
        "20 hours ago",
    )


def test_status_remembers_the_last_trouble() -> None:
    """The latest of all schools and keys, also when it is over; by the clock of the school that it
    was about.
    """
    past = replace(OLD, failed_at=NOW - timedelta(hours=30))
    later = replace(SCHOOL, zone="America/New_York", failed_at=NOW - timedelta(hours=2))
    made = status_of(replace(GOOD, properties=(past, later)), NOW)
    assert made.trouble == Trouble(
        "1:00 PM, November 21, 2026", "2 hours ago", "2026-11-21T18:00:00+00:00"
    )
    key = replace(KEY, failed_at=NOW - timedelta(minutes=9))
    assert status_of(replace(GOOD, keys=(key,)), NOW).trouble is not None
    assert (made.good, status_of(GOOD, NOW).trouble) == (True, None)


def test_status_says_that_a_trouble_is_over(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """A school that could be read again is no trouble any more, but it was one."""
    store.windows.make_due(["school"], now=NOW)
    claim = store.windows.claim(USER, "worker", now=NOW, property_ids=["school"])
    assert claim is not None
    store.windows.fail(claim, SECRET, now=NOW, due=NOW + timedelta(minutes=5), invocation_id="")
    heading, over = (
        "Last failed update",
        "Resolved: everything has been updated since then.",
    )
    assert look(client, "/status").after(heading, 2) == [
        "just now",
        "12:00 PM, November 21, 2026. This is not resolved yet.",
    ]
    clock.advance(600)
    sync(store, "school", now=clock.now)
    assert look(client, "/status").after(heading, 2) == [
        "10 minutes ago",
        f"12:00 PM, November 21, 2026. {over}",
    ]


def test_status_of_a_refused_key_is_not_good() -> None:
    """A key that is turned away is told, without its name."""
    made = status_of(replace(GOOD, keys=(replace(KEY, error=SECRET),)), NOW)
    assert (made.good, made.refused) == (False, True)
    assert SECRET not in repr(made)
    assert KEY.name not in repr(made)


def test_status_keeps_what_is_for_operators(store: Store) -> None:
    """Neither a key's name, nor the vendor's sentences, nor ids of calls are on the page."""
    store.api_keys.note_trouble(USER, SECRET, now=NOW)
    store.windows.make_due(["school"], now=NOW)
    claim = store.windows.claim(USER, "worker", now=NOW, property_ids=["school"])
    assert claim is not None
    store.windows.fail(
        claim, SECRET, now=NOW, due=NOW + timedelta(minutes=5), invocation_id="inv-9"
    )
    html = create_app(PUBLIC, store, clock=Clock()).test_client().get("/status").text
    assert "Could not be updated at 12:00 PM, November 21, 2026." in html
    assert [
        told for told in (SECRET, "inv-9", f">{USER}<", "k-1", "db.example.org") if told in html
    ] == []


def test_status_counts_no_district_as_a_school(client: FlaskClient) -> None:
    """It stands in the list, and a failure of it is said apart."""
    seen = look(client, "/status")
    assert seen.after("Schools updated in the last two hours", 1) == ["3 of 4 schools"]
    district = replace(FAILING, property_id="district", child_ids=("school", "unlisted"))
    made = status_of(replace(GOOD, properties=(SCHOOL, district)), NOW)
    assert (made.school_count, made.counts["failing"]) == (1, 0)
    assert (made.good, made.district_failing) == (False, True)


def test_status_knows_only_what_is_listed(store: Store) -> None:
    """A school that the vendor lists no longer is not among the schools; it is named apart, without
    a link.
    """
    store.write.apply_catalog(
        USER, [Property("alone", "Phoenix Academy")], {"alone": []}, Changes(), now=NOW
    )
    html = create_app(PUBLIC, store, clock=Clock()).test_client().get("/status").text
    assert re.findall(r'href="/property/(\w+)"', html) == ["alone"]


ZONES: dict[ZoneSource, tuple[str, str]] = {
    "events": ("as in its bookings", "como en sus reservas"),
    "parent": ("as in its district", "como en su distrito"),
    "stored": ("as before", "como antes"),
    "earlier": ("as before", "como antes"),
    "guess": ("which is a guess", "que es una suposición"),
}


@pytest.mark.parametrize("source", ZONES)
def test_status_says_where_a_zone_comes_from(store: Store, source: ZoneSource) -> None:
    """Beside each school whose zone the vendor does not give, in both languages; the vendor's word
    is not there.
    """
    school = Property(
        "alone", "Academy", timezone="America/New_York", zone_source=source, vendor_zone="Eastrn"
    )
    store.write.apply_catalog(USER, [school], {"alone": []}, Changes(), now=NOW)
    store.windows.ensure(["alone"], 1, now=NOW)
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    english, spanish = ZONES[source]
    said = " ".join(client.get("/status").text.split())
    assert f"no usable time zone. Times are shown in Eastern Time, {english}." in said
    said = " ".join(client.get("/status?lang=es").text.split())
    assert f"Las horas son las de “hora oriental”, {spanish}." in said
    assert "Eastrn" not in said


def test_status_is_silent_on_zones_that_the_vendor_gives(client: FlaskClient) -> None:
    """Nothing is to be said of these."""
    assert "time zone" not in client.get("/status").text


def test_status_is_kept_a_few_seconds(client: FlaskClient, statements: list[str]) -> None:
    """The page may be kept for five seconds, and asks the database no more often than that."""
    answer = client.get("/status")
    asked = len(statements)
    assert (answer.headers["Cache-Control"], client.get("/status").data) == (
        "public, max-age=5",
        answer.data,
    )
    assert (asked > 0, len(statements)) == (True, asked)


def test_status_asks_as_much_for_hundreds_of_schools(tmp_path: Path) -> None:
    """Five hundred schools are one page out of the same few questions to the database."""
    store = empty_store(tmp_path)
    listed = [Property(f"p{number}", f"School {number}", timezone=ZONE) for number in range(500)]
    store.write.apply_catalog(USER, listed, {each.id: [] for each in listed}, Changes(), now=NOW)
    store.windows.ensure([each.id for each in listed], 1, now=NOW)
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    asked: list[str] = []
    event.listen(
        store.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, said, *_rest: asked.append(said),
    )
    assert client.get("/status").text.count("Waiting for the first update.") == 500
    assert len([said for said in asked if said.startswith("SELECT")]) <= 10
    store.close()
