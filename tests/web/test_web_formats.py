"""Every feed in the other formats, over HTTP: cached, compressed and named like the calendar
itself.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from icalbridge.feeds.formats.json_format import schema
from icalbridge.models import Changes
from icalbridge.web import create_app
from tests.json_schema import SCHEMA, faults
from tests.samples import NOW
from tests.web_world import PUBLIC, Clock, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.models import Entry
    from icalbridge.store import Store

GYM = "/ical/facility/gym"
TYPES = {
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8; header=present",
    "atom": "application/atom+xml; charset=utf-8",
}
ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = (
    "/ical/property/district",
    "/ical/property/school",
    "/ical/event/reservation/e1",
    "/ical/facility/nameless",
)


@pytest.fixture(params=TYPES)
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def titles(body: bytes) -> list[str]:
    return [
        each.findtext(f"{ATOM}title", "") for each in ET.fromstring(body).findall(f"{ATOM}entry")
    ]


def test_format_is_answered_like_the_calendar(client: FlaskClient, suffix: str) -> None:
    """The same headers, but for type, name, length and tag."""
    answer, calendar = client.get(f"{GYM}.{suffix}"), client.get(f"{GYM}.ics")
    own = {"Content-Type", "Content-Disposition", "Content-Length", "ETag"}
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == TYPES[suffix]
    assert (
        answer.headers["Content-Disposition"]
        == f'inline; filename="main-gym-lincoln-high.{suffix}"'
    )
    assert {k: v for k, v in answer.headers.items() if k not in own} == {
        k: v for k, v in calendar.headers.items() if k not in own
    }


def test_format_that_is_held_is_not_sent_again(client: FlaskClient, suffix: str) -> None:
    """304 by tag and by date, out of memory and from Flask."""
    answer = client.get(f"{GYM}.{suffix}")
    for name, value in (
        ("If-None-Match", answer.headers["ETag"]),
        ("If-Modified-Since", answer.headers["Last-Modified"]),
    ):
        again = client.get(f"{GYM}.{suffix}", headers={name: value})
        assert (again.status_code, again.data, again.headers["ETag"]) == (
            304,
            b"",
            answer.headers["ETag"],
        )


def test_format_in_gzip_is_the_same(client: FlaskClient, suffix: str) -> None:
    """Unpacked it is the plain form, with a tag of its own."""
    plain = client.get(f"{GYM}.{suffix}")
    packed = client.get(f"{GYM}.{suffix}", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] == f'{plain.headers["ETag"][:-1]}-gzip"'


def test_format_is_the_same_from_another_process_and_later(
    store: Store, client: FlaskClient, suffix: str
) -> None:
    """The same data gives the same bytes: no clock, no chance."""
    later = create_app(PUBLIC, store, clock=Clock(NOW + timedelta(minutes=30))).test_client()
    for path in (GYM, *FEEDS):
        assert later.get(f"{path}.{suffix}").data == client.get(f"{path}.{suffix}").data


@pytest.mark.parametrize("path", [GYM, *FEEDS])
@pytest.mark.parametrize(
    "query", ["", "?q=practice", "?detail=busy", "?group=event", "?tz=utc", "?view=occupancy"]
)
def test_formats_tell_the_same_entries(client: FlaskClient, path: str, query: str) -> None:
    """Whatever the feed and its shape: as many as the calendar has, in the same order."""
    calendar = client.get(f"{path}.ics{query}").text.replace("\r\n ", "")
    uids = [line.removeprefix("UID:") for line in calendar.split("\r\n") if line.startswith("UID:")]
    told = json.loads(client.get(f"{path}.json{query}").data)
    table = csv.DictReader(
        io.StringIO(client.get(f"{path}.csv{query}").text.removeprefix("\ufeff"), newline="")
    )
    atom = ET.fromstring(client.get(f"{path}.atom{query}").data)
    assert faults(told) == []
    assert [each["uid"] for each in told["entries"]] == uids
    assert [each["UID"] for each in table] == uids
    assert sorted(
        each.findtext(f"{ATOM}id", "") for each in atom.findall(f"{ATOM}entry")
    ) == sorted(f"tag:icalbridge,2026:{uid}" for uid in uids)


def test_unknown_format_is_unknown(client: FlaskClient) -> None:
    """404 like any other address that means nothing."""
    assert client.get(f"{GYM}.xml").status_code == 404


def test_atom_tells_what_happened(store: Store, client: FlaskClient, clock: Clock) -> None:
    """Added, moved, renamed and cancelled, the newest first; the calendar just has what is on."""
    known = {each.uid.partition("@")[0]: each for each in _stored(store)}
    happened = (
        (
            "gym1",
            {"start": NOW + timedelta(hours=30), "end": NOW + timedelta(hours=31), "sequence": 1},
        ),
        ("gym2", {"name": "Rehearsal"}),
        ("gym3", {"status": "cancelled", "sequence": 1, "cancelled": NOW + timedelta(minutes=3)}),
    )
    for minutes, (uid, change) in enumerate(happened, 1):
        moment = NOW + timedelta(minutes=minutes)
        changed = replace(known[uid], **change, modified=moment)  # type: ignore[arg-type]  # fields of any type
        sync(store, "school", Changes(changed=(changed,)), now=moment)
    clock.advance(3600)
    told = titles(client.get(f"{GYM}.atom").data)
    assert told[:3] == [
        "Cancelled: Practice: Varsity",
        "Changed: Rehearsal: Varsity",
        "Moved: Practice: Varsity",
    ]
    assert len(told) == 31
    assert client.get(f"{GYM}.ics").text.count("BEGIN:VEVENT") == 30
    assert len(json.loads(client.get(f"{GYM}.json").data)["entries"]) == 30
    clock.advance(30 * 24 * 3600)
    assert "Cancelled" not in " ".join(titles(client.get(f"{GYM}.atom").data))


def _stored(store: Store) -> list[Entry]:
    return store.read.entries_between(["school"], NOW, NOW + timedelta(days=60))


def test_schema_is_shipped() -> None:
    """The package has the file that the JSON is described by."""
    assert json.loads(schema()) == SCHEMA
