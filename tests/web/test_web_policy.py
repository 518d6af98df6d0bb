"""The public policy over the whole site: what is hidden is in no public byte and 404 everywhere.

Values are planted in bookings and places. Each is first shown to be public without a policy, so
that this can fail; the addresses are those of all routes, a new one included.
"""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from icalbridge import tokens, web
from icalbridge.feeds import FORMATS
from icalbridge.feeds.audience import Audience
from icalbridge.feeds.policy_file import NOT_USED
from icalbridge.feeds.query import FeedQuery
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Changes, Event, Facility, Property, StaffDetails
from icalbridge.web import create_app
from icalbridge.web.export import Exporter
from icalbridge.web.export_tree import opened_tree
from tests.fixtures.migrated import new_store
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry
from tests.web_world import DISTRICT, PUBLIC, USER, added, sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from tests.web_world import Clock

POLICY = """
[schools]
hide = ["Quetzal Academy"]

[facilities]
hide = ["Lincoln High / Vaultroom"]

[kinds]
hide = ["Zymurgy lab"]

[[rules]]
q = "wolverine"
action = "hide"

[[rules]]
activity = "Xylography"
action = "reserve"

[[rules]]
category = "Ocelot rate"
action = "reserve"

[[rules]]
name = "Nightingale"
action = "rename"
title = "Closed for upkeep"
"""
PLANTED = {
    "hidden name": "Wolverine",
    "reserved activity": "Xylography",
    "name of what is reserved": "Platypus",
    "name reserved by rate": "Kookaburra",
    "name that is renamed": "Nightingale",
    "hidden school": "Quetzal",
    "its facility": "Narwhal",
    "its booking": "Capybara",
    "hidden facility": "Vaultroom",
    "its booking too": "Flamingo",
    "hidden kind": "Zymurgy",
    "facility of the kind": "Dragonfruit",
    "its booking as well": "Chinchilla",
    "id of the school": "id-quetz",
    "id of its facility": "id-narw",
    "id of the facility": "id-vault",
    "id of the lab": "id-zym",
    "type of a reserved event": "axolotl",
}
"""What nobody may read; ids as well, where they would say that there is something."""
HIDDEN_IDS = ("id-quetz", "id-narw", "id-vault", "id-zym")
QUETZAL = Property("id-quetz", "Quetzal Academy", "9 Hidden Ln", "Reno", "NV", "89501", ZONE)
NARWHAL = Facility("id-narw", "id-quetz", "Narwhal Hall", "Gymnasium", 50)
VAULT = Facility("id-vault", "school", "Vaultroom", "Pool")
LAB = Facility("id-zym", "school", "Dragonfruit Lab", "Zymurgy lab")
QUERIES = (
    "q=club",
    "view=occupancy",
    "cancelled=tombstone&group=event",
    "title={facility}:%20{school}",
    "status=approved",
    "tz=utc",
)
PAGE_QUERIES = ("view=list", "view=week", "view=month")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One district with a public school and a hidden one, and a booking of each sort."""
    opened = new_store(f"sqlite:///{tmp_path}/bridge.db", _fill)
    yield opened
    opened.close()


def _fill(opened: Store) -> None:
    opened.upgrade()
    opened.write.add_api_user(USER)
    district = replace(DISTRICT, child_ids=("school", "id-quetz"))
    facilities = {"district": [], "school": [GYM, POOL, VAULT, LAB], "id-quetz": [NARWHAL]}
    opened.write.apply_catalog(USER, [district, SCHOOL, QUETZAL], facilities, Changes(), now=NOW)
    opened.windows.ensure(["district", "school", "id-quetz"], 1, now=NOW)
    booked = [
        entry(-1, uid="open", event_id="e-open", name="Chess Club"),
        entry(3, uid="hid", event_id="e-hid", name="Wolverine Club", facility=POOL),
        entry(
            4,
            uid="res",
            event_id="e-res",
            name="Platypus Club",
            activity="Xylography",
            event_type="axolotl-block",
        ),
        entry(7, uid="rate", event_id="e-rate", name="Kookaburra Club"),
        entry(10, uid="ren", event_id="e-ren", name="Nightingale"),
        entry(-1, uid="vault", event_id="e-vault", name="Flamingo Club", facility=VAULT),
        entry(1, uid="lab", event_id="e-lab", name="Chinchilla Club", facility=LAB),
    ]
    changes = added(booked)
    rate = Event(
        "e-rate", "reservation", "school", ZONE, "Kookaburra Club", "approved",
        particulars=StaffDetails(renter="Renata", category="Ocelot rate"),
    )  # fmt: skip
    parsed = tuple(rate if item.id == "e-rate" else item for item in changes.parsed)
    sync(opened, "school", replace(changes, parsed=parsed))
    away = entry(-1, uid="away", event_id="e-away", name="Capybara Club", facility=NARWHAL)
    away = replace(away, property_id="id-quetz", location="Narwhal Hall, Quetzal Academy")
    sync(opened, "id-quetz", added([away]))
    sync(opened, "district")
    assert opened.api_keys.claim_catalog(USER, "worker", now=NOW, at_once=True)
    opened.api_keys.finish_catalog(USER, now=NOW, due=NOW)
    for name, audience in (("everything", Audience.PUBLIC), ("staff", Audience.STAFF)):
        opened.saved.put(
            [to_keep(Saved(name, property_ids=("district", "id-quetz"), audience=audience))],
            now=NOW,
        )


@dataclass
class PolicyOnDisk:
    """The policy's file, written long enough ago to count at once."""

    path: Path
    writes: int = 0

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.writes += 1
        long_ago = 1_700_000_000 + self.writes
        os.utime(self.path, (long_ago, long_ago))

    @property
    def settings(self) -> Settings:
        return replace(PUBLIC, policy_file=str(self.path), public_category=True)


@pytest.fixture
def policy(tmp_path: Path) -> PolicyOnDisk:
    file = PolicyOnDisk(tmp_path / "policy.toml")
    file.write(POLICY)
    return file


@pytest.fixture
def app(store: Store, clock: Clock, policy: PolicyOnDisk) -> Flask:
    return create_app(policy.settings, store, clock=clock)


@pytest.fixture
def guarded(app: Flask) -> FlaskClient:
    return app.test_client()


SENTENCE = (
    "ICALBRIDGE_POLICY_FILE is %r, which cannot be used: line 3: action must be one of hide,"
    " reserve, rename, include"
)
IDS: Mapping[str, tuple[str, ...]] = {
    "property": ("district", "school", "id-quetz"),
    "facility": ("gym", "pool", "id-vault", "id-zym", "id-narw"),
    "booking": ("open", "hid", "res", "rate", "ren", "vault", "lab", "away"),
    "feed": ("everything", "staff"),
    "event": (
        *(f"reservation/e-{name}" for name in ("open", "hid", "ren", "rate", "vault", "lab")),
        "axolotl-block/e-res",
        "reservation/e-away",
    ),
}


def _paths_of(rule: str) -> Iterator[str]:
    """Yield every address of a route that names something that there is."""
    place = re.search(r"<(?:path:)?(\w+)>", rule)
    if rule.startswith("/ical/"):
        for kind, ids in IDS.items():
            yield from (f"/ical/{kind}/{quote(key)}.{suffix}" for suffix in FORMATS for key in ids)
    elif place is None:
        yield rule
    elif not rule.startswith("/static/"):  # files of the program
        names = {"properties": "property", "facilities": "facility"}
        kinds = {names.get(part, part) for part in rule.split("/")} & IDS.keys()
        assert len(kinds) == 1, f"say what {rule} names"
        for key in IDS[kinds.pop()]:
            yield rule.replace(place[0], quote(key))
            if rule.startswith("/display/"):
                yield rule.replace(place[0], f"{quote(key)}.json")


def _addresses(app: Flask, step: int = 1) -> list[str]:
    """Return every public address, and with queries that change what is shown: each address with
    each query, or every so many of these pairs.
    """
    rules = [rule.rule for rule in app.url_map.iter_rules()]
    paths = [path for rule in rules for path in _paths_of(rule)]
    queried = [
        f"{path}?{query}"
        for path in paths
        for query in (
            QUERIES
            if path.startswith("/ical/") and "/feed/" not in path
            else PAGE_QUERIES
            if path.startswith(("/property/", "/facility/", "/embed/"))
            else ()
        )
    ]
    words = [f"/?q={name}" for name in ("club", "gym", "closed", "pool", "lab")]
    build = [f"{path}?feed={kind}:{key}" for path in ("/build", "/embed")
             for kind in ("property", "facility") for key in IDS[kind]]  # fmt: skip
    free = ["/free?from=13:00", "/free?length=60", "/api/v1/free?length=60"]
    return [*paths, *queried[::step], *words, *build, *free]


def _json(client: FlaskClient, path: str) -> Any:
    return client.get(path).json


def _body(response: TestResponse) -> bytes:
    packed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.data) if packed else response.data


def _bytes(response: TestResponse) -> str:
    text = f"{response.headers}\n{_body(response).decode('utf-8', 'replace')}"
    return text.replace("\r\n ", "")  # folded lines of iCalendar


def _told(client: FlaskClient, address: str) -> set[str]:
    """Return which planted values an address tells that are not in the address itself."""
    return _planted(client.get(address, headers={"Accept-Encoding": "gzip"}), address)


def _planted(response: TestResponse, address: str) -> set[str]:
    text, asked = _bytes(response).lower(), address.lower()
    return {
        name for name, word in PLANTED.items() if word.lower() in text and word.lower() not in asked
    }


def test_planted_values_are_public_without_a_policy(app: Flask, store: Store, clock: Clock) -> None:
    """Or nothing would be proved below."""
    plain = create_app(PUBLIC, store, clock=clock).test_client()
    told: set[str] = set()
    for address in _addresses(app):
        told |= _told(plain, address)
        if told == set(PLANTED):
            return
    assert told == set(PLANTED)


def test_export_has_nothing_that_the_policy_hides(
    store: Store, clock: Clock, policy: PolicyOnDisk, tmp_path: Path
) -> None:
    """A policy that comes later takes out of the files what was public before."""
    planted = re.compile("|".join(PLANTED.values()), re.IGNORECASE)

    def export(settings: Settings) -> set[str]:
        with opened_tree(tmp_path / "site") as tree:
            Exporter(settings, store, clock=clock).export(tree, lambda _done, _total: None)
        texts = [
            f"{file}\n{file.read_bytes().decode('utf-8', 'replace')}".replace("\r\n ", "")
            for file in (tmp_path / "site").rglob("*")
            if file.is_file() and file.suffix != ".gz"
        ]
        return {word.lower() for text in texts for word in planted.findall(text)}

    assert len(export(PUBLIC)) > len(PLANTED) / 2
    assert export(policy.settings) == set()


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_no_address_tells_what_the_policy_hides(
    app: Flask, guarded: FlaskClient, step: int
) -> None:
    """Feeds in all formats, pages, embeds, displays and their data, API, posters, search, status.
    Every address that names a hidden place answers as for an id that never was.
    """
    addresses = _addresses(app, step)
    assert len(addresses) > 300
    checked = 0
    for address in addresses:
        found = guarded.get(address, headers={"Accept-Encoding": "gzip"})
        assert (address, _planted(found, address)) == (address, set())
        hidden = next((key for key in HIDDEN_IDS if key in address), None)
        if hidden is None:
            continue
        checked += 1
        never = guarded.get(address.replace(hidden, "never-there"))
        assert (address, found.status_code, never.status_code) == (address, 404, 404)
        assert _body(found).replace(hidden.encode(), b"never-there") == never.data
    assert checked > 80


@pytest.mark.parametrize("key", ["hid", "vault", "lab", "away", "res", "rate"])
def test_hidden_and_reserved_bookings_have_no_address(guarded: FlaskClient, key: str) -> None:
    for path in (
        f"/booking/{key}",
        f"/ical/booking/{key}.ics",
        f"/ical/event/{'axolotl-block' if key == 'res' else 'reservation'}/e-{key}.ics",
    ):
        assert guarded.get(path).status_code == 404, path


def test_reserved_and_renamed_bookings_are_shown_as_that(guarded: FlaskClient) -> None:
    file = guarded.get("/ical/facility/gym.ics").text
    titles = re.findall(r"^SUMMARY:(.*)\r$", file, re.MULTILINE)
    assert titles == ["Chess Club", "Reserved", "Reserved", "Closed for upkeep"]
    assert "Closed for upkeep" in guarded.get("/booking/ren").text
    assert "Closed for upkeep" in guarded.get("/?q=upkeep").text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=platypus", 0),
        ("q=nightingale", 0),
        ("q=upkeep", 1),
        ("name=closed%20for%20upkeep", 1),
        ("activity=xylography", 0),
        ("type=reservation", 2),
        ("type=gymnasium", 4),
        ("category=ocelot%20rate", 0),
        ("not=platypus,kookaburra", 4),
        ("facility=gym", 4),
    ],
)
def test_filters_see_what_the_public_sees(guarded: FlaskClient, query: str, count: int) -> None:
    """No filter is an oracle for what is not shown."""
    file = guarded.get(f"/ical/property/school.ics?{query}").text
    assert file.count("BEGIN:VEVENT") == count


def test_hidden_bookings_leave_no_gap_in_numbers(guarded: FlaskClient) -> None:
    """Free times, counts and 'in use' are those of what is public."""
    assert _json(guarded, "/api/v1/facilities/pool/now")["state"] == "free"
    pool = _json(guarded, "/api/v1/facilities/pool/open-times")
    assert len(pool["days"][0]["open"]) == 1
    ready = _json(guarded, "/readyz")
    assert ready["entries"] is None
    assert "icalbridge_entries" not in guarded.get("/metrics").text
    assert [place["property_id"] for place in ready["properties"]] == ["district", "school"]


def test_private_feed_of_staff_sees_past_the_policy(guarded: FlaskClient, store: Store) -> None:
    """One with the audience of the public does not, whoever has its private address."""
    told = {}
    for slug in ("staff", "everything"):
        token = tokens.new_token()
        store.saved.add_token(slug, "Coach", tokens.digest(token), now=NOW)
        told[slug] = _told(guarded, tokens.path(token))
    names = {name for name in PLANTED if not name.startswith(("id", "type"))}
    assert told["staff"] >= names
    assert told["everything"] == set()


def test_staff_feed_of_hidden_places_alone_is_there(guarded: FlaskClient, store: Store) -> None:
    spec = Saved("vault", facility_ids=("id-vault",), audience=Audience.OPERATIONS,
                 query=FeedQuery(busy=True))  # fmt: skip
    store.saved.put([to_keep(spec)], now=NOW)
    token = tokens.new_token()
    store.saved.add_token("vault", "Janitor", tokens.digest(token), now=NOW)
    assert guarded.get(tokens.path(token)).text.count("BEGIN:VEVENT") == 1


def test_change_of_the_policy_changes_every_tag_at_once(
    guarded: FlaskClient, store: Store, clock: Clock, policy: PolicyOnDisk
) -> None:
    """A conditional request with an old tag or date is answered in full, in all processes."""
    other = create_app(policy.settings, store, clock=clock).test_client()
    paths = ("/ical/facility/gym.ics", "/ical/property/school.json", "/facility/gym")
    before = {path: guarded.get(path) for path in paths}
    tags = {path: before[path].headers["ETag"] for path in paths}
    for path in paths:
        assert other.get(path, headers={"If-None-Match": tags[path]}).status_code == 304
    clock.advance(60)
    policy.write('names = "reserved"\n')
    for client in (guarded, other):
        for path in paths:
            since = before[path].headers.get("Last-Modified")
            dated = {"If-Modified-Since": since} if since else {}
            for conditions in ({"If-None-Match": tags[path]}, dated):
                response = client.get(path, headers=conditions)
                assert response.status_code == 200
                assert "Chess Club" not in response.text
    assert guarded.get(paths[0]).headers["ETag"] == other.get(paths[0]).headers["ETag"]


def test_first_and_last_policy_are_changes_too(
    store: Store, clock: Clock, policy: PolicyOnDisk
) -> None:
    path = "/ical/facility/gym.ics"
    before = create_app(PUBLIC, store, clock=clock).test_client().get(path)
    clock.advance(60)
    during = create_app(policy.settings, store, clock=clock).test_client().get(path)
    clock.advance(60)
    store.policies.end(now=clock())
    after = create_app(PUBLIC, store, clock=clock).test_client().get(path)
    dates = [response.last_modified for response in (before, during, after)]
    assert dates == sorted(set(filter(None, dates)))
    assert after.text.count("Platypus") == 1


def test_file_that_becomes_bad_keeps_the_last_good_policy(
    guarded: FlaskClient,
    store: Store,
    clock: Clock,
    policy: PolicyOnDisk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also in a process that starts then; it is logged once, and `/readyz` says no more of it."""
    assert "Wolverine" not in guarded.get("/ical/facility/pool.ics").text
    policy.write('[[rules]]\nq = "wolverine"\naction = "hyde"\n')
    clock.advance(60)
    started = create_app(policy.settings, store, clock=clock).test_client()
    for client in (guarded, started):
        for _ in range(2):
            assert "Wolverine" not in client.get("/ical/facility/pool.ics").text
        assert client.get("/property/id-quetz").status_code == 404
        assert _json(client, "/readyz")["policy_error"] == NOT_USED
        assert "olverine" not in client.get("/readyz").text
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2  # one a process
    assert set(errors) == {f"{SENTENCE % str(policy.path)}; the last good policy holds"}
    policy.write(POLICY)
    assert "policy_error" not in _json(guarded, "/readyz")


@pytest.mark.parametrize("text", [None, "", "names = 1"])
def test_without_any_good_policy_nothing_is_public(
    store: Store, clock: Clock, policy: PolicyOnDisk, text: str | None
) -> None:
    """`serve` does not start then; a process that starts all the same answers 503."""
    if text is None:
        policy.path.unlink()
    else:
        policy.write(text)
    client = create_app(policy.settings, store, clock=clock).test_client()
    for path in ("/ical/facility/gym.ics", "/facility/gym", "/", "/api/v1/properties", "/readyz"):
        assert client.get(path).status_code == 503, path
    assert _json(client, "/readyz")["error"] == NOT_USED


def test_file_that_is_being_written_does_not_count_yet(
    guarded: FlaskClient, clock: Clock, policy: PolicyOnDisk
) -> None:
    """An editor that truncates it first must not open everything for a moment."""
    assert guarded.get("/property/id-quetz").status_code == 404
    policy.path.write_text("names = 'shown'\n")
    clock.advance(60)
    assert guarded.get("/property/id-quetz").status_code == 404
    policy.write("names = 'shown'\n")
    assert guarded.get("/property/id-quetz").status_code == 200


def test_memory_of_another_policy_is_not_served_while_the_database_is_down(
    store: Store, clock: Clock, policy: PolicyOnDisk, tmp_path: Path
) -> None:
    """What is in memory under the policy that holds is."""
    client = create_app(policy.settings, store, clock=clock).test_client()
    path = "/ical/facility/gym.ics"
    assert client.get(path).status_code == 200
    store.engine.dispose()
    (tmp_path / "bridge.db").rename(tmp_path / "away.db")
    (tmp_path / "bridge.db").mkdir()
    clock.advance(60)
    assert client.get(path).status_code == 200
    policy.write('names = "reserved"\n')
    clock.advance(2)
    assert client.get(path).status_code == 503
    policy.write(POLICY)
    clock.advance(2)
    assert client.get(path).status_code == 200


def test_web_reads_the_store_through_the_policy_only() -> None:
    """No module of `web` has another way to what is stored of places and bookings."""
    modules = Path(web.__file__).parent.rglob("*.py")
    texts = {path.name: path.read_text() for path in modules}
    assert len(texts) > 50
    direct = re.compile(r"store\.(?:read|sync_reads|windows|doubts)\b|(?<!Public)Reading\(")
    assert [name for name, text in texts.items() if direct.search(text)] == []
