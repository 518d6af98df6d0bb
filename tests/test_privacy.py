"""The key and the renters are nowhere: not in a feed, a page, a header, a log, or a command's
output.

The database keeps what staff may know of a renter in one table, which no public address reads; all
else not even there. Every word that must not be told is first shown to be in what the vendor
answers, so that this can fail.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import pytest
import requests
from flask import Flask, Response, request
from sqlalchemy import select
from sqlalchemy.event import listen, remove

from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import EventKey
from icalbridge.settings import Settings
from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import metadata
from icalbridge.sync.run import Sync
from icalbridge.sync.windows import WINDOWS
from icalbridge.web import create_app
from tests.fixtures.bridges import KEY, START, Bridge, bridge
from tests.fixtures.migrated import new_store
from tests.fixtures.serving import serving
from tests.world_truth import feeds, truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

RENTERS = {
    "name": rb"Renata",
    "rate category": rb"Privada",
    "e-mail": rb"renter\.example",
    "telephone": rb"555-0142",
    "number": rb"(?<![0-9a-f])55501420(?![0-9a-f])",
    "renter's id": rb"5f0renter",
    "attendance": rb"(?<![0-9a-f.])77777(?![0-9a-f])",
    "reservation id": rb"R-PRIVATE",
}
"""As the sandbox plants them; digits not within a longer hexadecimal number, which an id or a tag
may be.
"""
FOR_STAFF = set(RENTERS) - {"telephone", "renter's id"}
"""What is read of them at all, for private feeds."""
SECRETS = {"key": re.escape(KEY.encode()), **RENTERS}
OPEN = Settings(api_key=KEY, public_pending=True, public_category=True)
"""Everything that an operator may allow."""
SHAPES = (
    "view=occupancy&before=10&after=10",
    "cancelled=tombstone&group=event",
    "cancelled=mark&tz=utc",
    "detail=busy",
    "title={facility}:%20{name}",
    "status=approved,pending",
    "category=internal%20privada",
    "q=renata",
    "not=renata",
)
pytestmark = pytest.mark.xdist_group("privacy")  # one district serves all of them

API = (
    "entries",
    "entries?detail=busy",
    "entries?status=pending",
    "entries?cancelled=tombstone&limit=1",
    "now",
)
EVENTS = 4
FAULTS = (
    "html",
    "garbage",
    "truncated",
    "empty",
    "null",
    "400",
    "401",
    "403",
    "404",
    "429",
    "500",
    "503",
    "reset",
)
ODD_PATHS = (
    "/ical/facility/unknown.ics",
    "/ical/property/unknown.ics",
    "/ical/event/reservation/unknown.ics",
    "/ical/nothing",
    "/property/unknown",
    "/facility/unknown",
    "/booking/unknown",
    "/%ff%fe",
    "/nothing",
)


def leaks(*told: bytes | str) -> set[str]:
    """Return what of the key and the renters is somewhere in what was told."""
    joined = b"\n".join(each.encode() if isinstance(each, str) else each for each in told)
    return {name for name, pattern in SECRETS.items() if re.search(pattern, joined, re.IGNORECASE)}


def everything(answered: TestResponse) -> bytes:
    """Return an answer with its status and headers; its body as sent, and unpacked."""
    plain = (
        gzip.decompress(answered.data)
        if answered.headers.get("Content-Encoding") == "gzip"
        else b""
    )
    return b"\n".join([f"{answered.status}\n{answered.headers}".encode(), answered.data, plain])


@dataclass
class Demo:
    """A bridge that has fetched its district, what it logged, and all the addresses it has."""

    bridge: Bridge
    folder: Path
    paths: list[str]


@pytest.fixture(
    scope="module", params=[EVENTS, pytest.param(10_000, marks=pytest.mark.soak)], ids="{}".format
)
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """With the feeds of some events; of all of them in `make soak`."""
    folder = tmp_path_factory.mktemp("private")
    with bridge(
        f"sqlite:///{folder}/bridge.db",
        windows=WINDOWS,
        schools=1,
        facilities=2,
        events_per_day=2,
    ) as made:
        assert made.run().failures == []
        addresses = list(feeds(made.world, truth(made.world, made.clock())))
        places = [path for path in addresses if "/event/" not in path]
        events = [path for path in addresses if "/event/" in path]
        addresses = places + events[:: max(1, len(events) // request.param)]
        addresses += [
            path.removesuffix("ics") + suffix
            for path in addresses
            for suffix in ("json", "csv", "atom")
        ]
        addresses += [f"{path}?{query}" for path in addresses[:4] for query in SHAPES]
        addresses += [f"/property/{each['_id']}" for each in made.world.properties]
        addresses += [f"/facility/{each['_id']}" for each in made.world.facilities]
        addresses += [*_bookings(made, request.param), "/free", "/api/v1/free"]
        for kind, known in (
            ("properties", made.world.properties),
            ("facilities", made.world.facilities),
        ):
            api = [f"/api/v1/{kind}", *(f"/api/v1/{kind}/{each['_id']}" for each in known)]
            addresses += [*api, *(f"{path}/{rest}" for path in api[1:3] for rest in API)]
        addresses.append(f"/api/v1/facilities/{made.world.facilities[0]['_id']}/open-times")
        yield Demo(
            made,
            folder,
            [*addresses, "/", "/api/v1/", "/readyz", "/healthz", "/metrics", "/robots.txt"],
        )


def _bookings(made: Bridge, count: int) -> list[str]:
    """Return the pages and calendars of some bookings."""
    query = select(metadata.tables["entries"].c.uid).where(SHOWN).limit(count)
    with made.store.engine.connect() as connection:
        ids = [uid.removesuffix("@icalbridge") for uid in connection.scalars(query)]
    return [path for each in ids for path in (f"/booking/{each}", f"/ical/booking/{each}.ics")]


def test_the_vendor_tells_what_must_not_be_told(demo: Demo) -> None:
    """Every one of the renters' words is in its answers; the key alone is in none."""
    made = demo.bridge
    window = {"start_date": "2026-11-21", "end_date": "2026-12-21", "event_types": "reservation"}
    headers = {"Authorization": f"Bearer {KEY}"}
    bodies = [
        requests.get(
            f"{made.url}/property/{each['_id']}/events", params=window, headers=headers, timeout=10
        ).content
        for each in made.world.properties
    ]
    assert leaks(*bodies) == set(RENTERS)


@dataclass
class Visit:
    """All addresses of a demo, known or not, each by GET and HEAD, plain and packed."""

    statuses: dict[str, list[int]]
    answers: dict[str, bytes]
    statements: dict[str, list[str]]
    log: str
    vendor_requests: int


@pytest.fixture(scope="module")
def visit(demo: Demo) -> Visit:
    before = len(demo.bridge.state.requests)
    seen, log, root = Visit({}, {}, {}, "", 0), StringIO(), logging.getLogger()
    client = create_app(OPEN, demo.bridge.store, clock=demo.bridge.clock).test_client()
    handler, level = logging.StreamHandler(log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        for path in (*demo.paths, *ODD_PATHS):
            with statements_of(demo) as seen.statements[path]:
                answers = [
                    client.get(path, headers={"Accept-Encoding": coding})
                    for coding in ("identity", "gzip")
                ]
                answers.append(client.head(path))
            seen.statuses[path] = [each.status_code for each in answers]
            seen.answers[path] = b"\n".join(map(everything, answers))
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    seen.log = log.getvalue()
    seen.vendor_requests = len(demo.bridge.state.requests) - before
    return seen


@contextmanager
def statements_of(demo: Demo) -> Iterator[list[str]]:
    """Note every statement that the database is asked in the block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    listen(demo.bridge.store.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        remove(demo.bridge.store.engine, "before_cursor_execute", note)


def test_no_address_tells(demo: Demo, visit: Visit) -> None:
    """Every feed, page and machine's address: body, status and headers."""
    assert [path for path in demo.paths if visit.statuses[path] != [200] * 3] == []
    assert {path: found for path, told in visit.answers.items() if (found := leaks(told))} == {}
    assert leaks(visit.log) == set()


def test_no_error_tells(demo: Demo, caplog: pytest.LogCaptureFixture) -> None:
    """404, 405, 500 and 503, for people and for programs, and what is logged of them."""
    caplog.set_level(logging.DEBUG)
    made = demo.bridge

    def broken() -> None:
        raise RuntimeError("no clock")

    whole = create_app(OPEN, made.store, clock=made.clock).test_client()
    halting = create_app(OPEN, made.store, clock=broken).test_client()  # type: ignore[arg-type]
    answers = [whole.get(path) for path in ODD_PATHS]
    assert {each.status_code for each in answers} == {404}
    wrong = [whole.post(path, data=f"{KEY}") for path in demo.paths]
    assert {each.status_code for each in wrong} == {405}
    failing = [
        halting.get(path)
        for path in demo.paths
        if path.startswith(("/ical", "/property", "/facility"))
    ]
    assert {each.status_code for each in failing} == {500}
    assert leaks(*map(everything, [*answers, *wrong, *failing]), caplog.text) == set()
    assert "no clock" in caplog.text


def test_nothing_is_told_before_the_first_sync(tmp_path: Path) -> None:
    """503 of a bridge that knows the catalogue only."""
    with bridge(
        f"sqlite:///{tmp_path}/bridge.db", schools=1, facilities=1, events_per_day=1
    ) as made:
        made.store.write.add_api_user("default")
        assert made.sync.fetch_catalog(at_once=True) == []
        client = create_app(OPEN, made.store, clock=made.clock).test_client()
        paths = [
            "/readyz",
            *(f"/ical/property/{each['_id']}.ics" for each in made.world.properties),
        ]
        answers = [client.get(path) for path in paths]
        assert [each.status_code for each in answers] == [503] * len(paths)
        assert leaks(*map(everything, answers)) == set()


def test_one_table_alone_holds_what_is_for_staff(demo: Demo) -> None:
    """What is never read cannot leak: of the key, the telephone and the renter's id, not a byte is
    on the disk.
    """
    files = [path.read_bytes() for path in demo.folder.iterdir()]
    assert sum(map(len, files)) > 100_000
    assert leaks(*files) - FOR_STAFF == set()
    with demo.bridge.store.engine.connect() as connection:
        rows = {
            name: repr(connection.execute(select(table)).all())
            for name, table in metadata.tables.items()
        }
    assert sum(map(len, rows.values())) > 100_000
    assert {name: told for name, row in rows.items() if (told := leaks(row))} == {
        "particulars": FOR_STAFF
    }


def test_no_public_address_reads_what_is_for_staff(demo: Demo, visit: Visit) -> None:
    """Not one statement names the table, whatever is fetched, known or not; one that narrows by
    rate category reads nothing else of it.
    """
    assert [path for path in ODD_PATHS if visit.statuses[path] != [404] * 3] == []
    with statements_of(demo) as staff:
        demo.bridge.store.read.particulars([EventKey("reservation", "unknown")])
    assert any("particulars" in each for each in staff)
    assert sum(map(bool, visit.statements.values())) > len(demo.paths) - 9 * 4
    readers = {
        path
        for path, statements in visit.statements.items()
        if any("particulars" in each for each in statements)
    }
    assert readers
    assert [path for path in readers if "category=" not in path] == []
    told = {
        name
        for path in readers
        for each in visit.statements[path]
        for name in re.findall(r"particulars\.(\w+)", each)
    }
    assert told == {"event_type", "event_id", "category", "changed_at"}


def test_rate_categories_cannot_be_probed_by_default(demo: Demo) -> None:
    """No public address can be filtered by rate category, by one that there is or by another; all
    answer alike.
    """
    client = create_app(
        Settings(api_key=KEY), demo.bridge.store, clock=demo.bridge.clock
    ).test_client()
    facility = str(demo.bridge.world.facilities[0]["_id"])
    addresses = [f"/ical/facility/{facility}.{suffix}" for suffix in ("ics", "json", "csv", "atom")]
    addresses += [f"/{kind}/facility/{facility}" for kind in ("embed", "poster")]
    addresses += [f"/qr/facility/{facility}.svg", f"/build?feed=facility:{facility}"]
    addresses += [f"/api/v1/facilities/{facility}/entries"]
    for address in addresses:
        sign = "&" if "?" in address else "?"
        known, unknown = (
            client.get(f"{address}{sign}category={each}") for each in ("internal", "unknown")
        )
        assert (known.status_code, unknown.status_code) == (400, 400), address


def test_readers_cost_the_vendor_nothing(visit: Visit) -> None:
    """Known feeds, pages and unknown addresses: the vendor hears of none of them."""
    assert visit.vendor_requests == 0
    assert len(visit.answers) > 100


def test_no_fault_of_the_vendors_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, before a first sync and after it: logs, failures, /readyz, /metrics and
    pages.
    """
    caplog.set_level(logging.DEBUG)
    with bridge(
        f"sqlite:///{tmp_path}/bridge.db", schools=1, facilities=1, events_per_day=1
    ) as made:
        client = create_app(OPEN, made.store, clock=made.clock).test_client()
        paths = ("/", "/readyz", "/metrics", f"/property/{made.world.properties[1]['_id']}")
        failed = set()
        for endpoint in ("", ":endpoint=property-events"):
            for fault in FAULTS:
                made.clock.advance(hours=1)
                made.fail(f"{fault}{endpoint}")
                failures = made.run().failures
                answers = [everything(client.get(path)) for path in paths]
                assert leaks(*failures, *answers) == set(), fault
                failed |= {(fault, endpoint)} if failures else set()
            made.heal()
            made.clock.advance(hours=1)
            assert made.run().failures == []
    assert {(fault, "") for fault in FAULTS} < failed
    assert leaks(caplog.text) == set()


def echo() -> Flask:
    """Make a vendor that throws the caller's key back at it in every place where one of its answers
    has a text.
    """
    app = Flask("echo", static_folder=None)

    @app.get("/v1/<kind>/<path:rest>")
    @app.get("/v1/<kind>", defaults={"rest": ""})
    def echoed(kind: str, rest: str) -> Response:
        secret = request.headers["Authorization"]
        said = {
            "message": f"No: {secret}",
            "message_code": secret,
            "invocation_id": secret,
            "detail": secret,
        }
        status, _, form = kind.partition("-")
        headers = {"Location": f"/{secret}", "Retry-After": "0", "Server": secret}
        if form == "html":
            return Response(f"<h1>{secret}</h1>", int(status), headers)
        lists: dict[str, object] = {"properties": None} if form == "null" else {}
        return Response(
            json.dumps({**said, **lists}), int(status), headers, content_type="application/json"
        )

    return app


@pytest.mark.parametrize("form", ["json", "html", "null"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
def test_no_echo_of_the_key_is_told(
    status: int, form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor, or a proxy before it, that repeats the request's headers in its answers."""
    caplog.set_level(logging.DEBUG)
    store = new_store(f"sqlite:///{tmp_path}/bridge.db")
    with serving(echo()) as base:
        ledger = MemoryLedger(1_000_000, 1_000_000)
        url = f"{base}/v1/{status}-{form}"
        client = Client(url, KEY, ledger=ledger, clock=lambda: START, sleep=lambda _: None)
        failures = (
            Sync(client, store, api_user_id="default", worker_id="test", clock=lambda: START)
            .everything()
            .failures
        )
        browser = create_app(Settings(api_key=KEY), store, clock=lambda: START).test_client()
        told = [everything(browser.get(path)) for path in ("/", "/readyz", "/metrics")]
    store.close()
    assert failures
    assert leaks(*failures, *told, caplog.text) == set()
