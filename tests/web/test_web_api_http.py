"""How the API speaks HTTP: what may be kept and for how long, what is refused and in which
sentence.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from icalbridge.errors import StoreError
from icalbridge.feeds.query import Surface, names_of
from icalbridge.store.reading import Reading
from icalbridge.web import create_app
from icalbridge.web.parameters import Key
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.models import Entry, Feed
    from icalbridge.store import Store

KEPT = {
    "/properties": "public, max-age=300",
    "/properties/school": "public, max-age=300",
    "/facilities": "public, max-age=300",
    "/facilities/gym": "public, max-age=300",
    "/properties/district/entries": (
        "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
    ),
    "/facilities/gym/entries": (
        "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
    ),
    "/properties/district/now": "public, max-age=15",
    "/facilities/gym/now": "public, max-age=15",
    "/facilities/gym/open-times": (
        "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
    ),
}
ENTRIES = "/api/v1/facilities/gym/entries"
BY_CATEGORY = replace(PUBLIC, public_category=True)
FIXED = f"{ENTRIES}?from=2026-11-21&to=2026-11-30"


def refused(client: FlaskClient, path: str, status: int) -> str:
    """Return the sentence of a refusal, which is a problem document that any page may read and
    nobody keeps.
    """
    answer = client.get(path)
    told = answer.get_json()
    titles = {
        400: "Bad Request",
        404: "Not Found",
        500: "Internal Server Error",
        503: "Service Unavailable",
    }
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert (answer.headers["Cache-Control"], answer.headers["Access-Control-Allow-Origin"]) == (
        "no-store",
        "*",
    )
    assert answer.headers.get("Retry-After") == ("30" if status == 503 else None)
    assert {name: told[name] for name in told if name != "detail"} == {
        "type": "about:blank",
        "title": titles[status],
        "status": status,
    }
    return str(told["detail"])


# what is kept


@pytest.mark.parametrize("path", KEPT)
def test_answers_may_be_kept_and_read_by_anybody(client: FlaskClient, path: str) -> None:
    """The type, how long, by whom; no cookie, and the browser's language changes nothing."""
    answer = client.get(f"/api/v1{path}", headers={"Accept-Language": "es"})
    assert answer.status_code == 200
    shown = (
        "Content-Type",
        "Cache-Control",
        "Access-Control-Allow-Origin",
        "Vary",
        "Set-Cookie",
        "Content-Language",
    )
    assert [answer.headers.get(name) for name in shown] == [
        "application/json; charset=utf-8",
        KEPT[path],
        "*",
        "Accept-Encoding",
        None,
        None,
    ]
    assert client.get(f"/api/v1{path}").data == answer.data


@pytest.mark.parametrize("path", KEPT)
def test_answers_that_are_the_same_are_not_sent_again(client: FlaskClient, path: str) -> None:
    """By the tag of either form; HEAD says the same without a body, and gzip unpacks to the same."""
    answer = client.get(f"/api/v1{path}")
    packed = client.get(f"/api/v1{path}", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == answer.data
    assert packed.headers["ETag"] != answer.headers["ETag"]
    for tag in (answer.headers["ETag"], packed.headers["ETag"]):
        assert not tag.startswith("W/")
        again = client.get(f"/api/v1{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    head = client.head(f"/api/v1{path}")
    assert (head.status_code, head.data, list(head.headers)) == (200, b"", list(answer.headers))


def test_answers_are_the_same_from_every_process(client: FlaskClient, store: Store) -> None:
    """Another process, a minute later, gives the same tags: only what is told counts."""
    later = create_app(PUBLIC, store, clock=Clock(NOW + timedelta(seconds=60))).test_client()
    tags = [
        [each.get(f"/api/v1{path}").headers["ETag"] for path in KEPT] for each in (client, later)
    ]
    assert tags[0] == tags[1]


def test_answers_that_are_others_have_other_tags(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """A change is seen within a second, by tag and by date."""
    before = client.get(FIXED)
    clock.advance(60)
    sync(
        store,
        "school",
        added([entry(6, uid="new", event_id="e5", modified=clock.now)]),
        now=clock.now,
    )
    clock.advance(2)
    after = client.get(FIXED, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    dated = client.get(FIXED, headers={"If-Modified-Since": before.headers["Last-Modified"]})
    assert dated.status_code == 200
    same = client.get(FIXED, headers={"If-Modified-Since": after.headers["Last-Modified"]})
    assert (same.status_code, same.headers["ETag"]) == (304, after.headers["ETag"])


def test_entries_of_today_are_newer_tomorrow(client: FlaskClient, clock: Clock) -> None:
    """What an address means that names no day changes at midnight; one that names its days changes
    with its entries.
    """
    before = [client.get(path).headers["Last-Modified"] for path in (ENTRIES, FIXED)]
    clock.advance(86_400)
    after = [
        client.get(path, headers={"If-Modified-Since": before[0]}).status_code
        for path in (ENTRIES, FIXED)
    ]
    assert before == ["Sat, 21 Nov 2026 20:00:00 GMT", "Sat, 21 Nov 2026 20:00:00 GMT"]
    assert after == [200, 304]


def test_now_says_what_time_it_is_here(client: FlaskClient, clock: Clock) -> None:
    """In a header, on a 304 too, and pages from elsewhere may read it; the answer itself stays the
    same.
    """
    answer = client.get("/api/v1/facilities/gym/now")
    clock.advance(60)
    again = client.get(
        "/api/v1/facilities/gym/now", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (answer.headers["Server-Now"], answer.status_code) == ("2026-11-21T20:00:00Z", 200)
    assert (again.headers["Server-Now"], again.status_code) == ("2026-11-21T20:01:00Z", 304)
    assert again.headers["Access-Control-Expose-Headers"] == "ETag, Last-Modified, Server-Now"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [*KEPT, "/", "/openapi.json"])
def test_api_can_only_be_read(client: FlaskClient, method: str, path: str) -> None:
    """Every other method is refused, and told which there are."""
    answer = client.open(f"/api/v1{path}", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.get_json()["detail"] == "This address can only be read: use GET or HEAD."


# what is refused

DAYS = "must be a day from 2026-09-22 to 2027-11-21, written as YYYY-MM-DD"
MOMENTS = f"{DAYS}, or a moment within them, written as 2026-11-21T18:30:00Z."
FILTERS = [name for name in names_of(Surface.API) if name != "facility"]
TAKES = ", ".join(["from", "to", "limit", "after", *FILTERS])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("nonsense=1", f"There is no parameter 'nonsense'; this address takes {TAKES}."),
        ("past=3", f"There is no parameter 'past'; this address takes {TAKES}."),
        ("from=", "from has no value; give it one, or leave it out."),
        ("q=%20", "q has no value; give it one, or leave it out."),
        ("from=today", f"from is 'today' and {MOMENTS}"),
        ("from=2026-09-21", f"from is '2026-09-21' and {MOMENTS}"),
        ("from=2027-02-30", f"from is '2027-02-30' and {MOMENTS}"),
        ("from=20261121", f"from is '20261121' and {MOMENTS}"),
        ("from=0001-01-01", f"from is '0001-01-01' and {MOMENTS}"),
        ("to=9999-12-31", f"to is '9999-12-31' and {MOMENTS}"),
        ("to=2027-11-22", f"to is '2027-11-22' and {MOMENTS}"),
        ("from=2026-11-21T18:30:00", f"from is '2026-11-21T18:30:00' and {MOMENTS}"),
        ("from=2026-11-21T24:00:00Z", f"from is '2026-11-21T24:00:00Z' and {MOMENTS}"),
        ("from=2026-11-21T18:30:00%2B99:00", f"from is '2026-11-21T18:30:00+99:00' and {MOMENTS}"),
        (
            "from=2026-11-23&from=2026-11-24",
            "from is '2026-11-23,2026-11-24' and must be given once.",
        ),
        ("from=2026-11-23&to=2026-11-22", "from must be before to."),
        ("to=2026-11-20", "from must be before to."),
        ("to=2027-02-21", "from and to are too far apart; ask for at most 92 days at once."),
        ("limit=0", "limit is '0' and must be a whole number from 1 to 500."),
        ("limit=501", "limit is '501' and must be a whole number from 1 to 500."),
        ("limit=-1", "limit is '-1' and must be a whole number from 1 to 500."),
        ("after=abc", "after is 'abc' and must be what the page before has in its next."),
        ("after=%00", "This address has control characters in its parameters; leave them out."),
        (
            "status=cancelled",
            (
                "status is 'cancelled' and must be approved, pending, or both with a comma between"
                " them."
            ),
        ),
        ("status=pending", "Bookings that are still pending are not shown here; leave status out."),
        ("cancelled=yes", "cancelled is 'yes' and must be drop, mark or tombstone."),
        ("detail=all", "detail is 'all' and must be name or busy."),
    ],
)
def test_entries_refuse_what_they_do_not_understand(
    client: FlaskClient, query: str, sentence: str
) -> None:
    """One sentence, which names what is wrong; where a calendar refuses it too, in its words."""
    assert refused(client, f"{ENTRIES}?{query}", 400) == sentence


def test_entries_are_filtered_by_rate_category_only_where_the_operator_allows_it(
    store: Store, clock: Clock
) -> None:
    """The default refuses it, in the words of a feed."""
    usual, open_one = (
        create_app(each, store, clock=clock).test_client() for each in (PUBLIC, BY_CATEGORY)
    )
    sentence = "Calendars cannot be narrowed by rate category here; leave category out."
    assert refused(usual, f"{ENTRIES}?category=x", 400) == sentence
    assert open_one.get(f"{ENTRIES}?category=x").status_code == 200


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/properties?q=x", "There is no parameter 'q'; this address takes none."),
        ("/properties/school?lang=es", "There is no parameter 'lang'; this address takes none."),
        (
            "/facilities?property=nope",
            "There is no property 'nope' here; /api/v1/properties lists those there are.",
        ),
        (
            "/facilities?property=,",
            "property is ',' and must be at least one value, and at most 50.",
        ),
        (
            "/properties/school/entries?facility=nope",
            "There is no facility 'nope' here; look its id up in the directory.",
        ),
        ("/facilities/gym/open-times?date=2027-11-22", f"date is '2027-11-22' and {DAYS}."),
        (
            "/facilities/gym/open-times?date=2026-11-22&to=2026-11-23",
            "date is one day, from and to are several; ask for one or the other.",
        ),
        ("/facilities/gym/open-times?from=2026-11-23&to=2026-11-22", "from must not be after to."),
        (
            "/facilities/gym/open-times?to=2026-12-22",
            "from and to are too far apart; ask for at most 31 days at once.",
        ),
        (
            "/facilities/gym/open-times?from=2026-11-22T12:00:00Z",
            f"from is '2026-11-22T12:00:00Z' and {DAYS}.",
        ),
    ],
)
def test_other_addresses_refuse_what_they_do_not_understand(
    client: FlaskClient, path: str, sentence: str
) -> None:
    """Each says what it takes."""
    assert refused(client, f"/api/v1{path}", 400) == sentence


def test_octets_that_are_no_text_are_refused(client: FlaskClient) -> None:
    """In a query or a path, raw or escaped: never a failure of ours."""
    assert refused(client, f"{ENTRIES}?q=%ff", 400).startswith(
        "The parameters of this address cannot be read;"
    )
    assert refused(client, "/api/v1/facilities/%ff%fe", 404).startswith(
        "There is no such facility here;"
    )
    assert refused(client, "/api/v1/facilities/a%00b/now", 404).startswith(
        "There is no such facility here;"
    )


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        *((f"/properties/nope{rest}", "There is no such property here; /api/v1/properties lists those there are.")
          for rest in ("", "/entries", "/now")),
        *((f"/facilities/nope{rest}", "There is no such facility here; /api/v1/facilities lists those there are.")
          for rest in ("", "/entries", "/now", "/open-times")),
        ("/properties/gym/now", "There is no such property here; /api/v1/properties lists those there are."),
        ("/properties/nope/", "There is no such property here; /api/v1/properties lists those there are."),
        ("/nothing", "There is nothing at this address."),
    ],
)  # fmt: skip
def test_what_is_unknown_is_not_found(client: FlaskClient, path: str, sentence: str) -> None:
    """A sentence that says where to look."""
    assert refused(client, f"/api/v1{path}", 404) == sentence


@pytest.mark.parametrize(
    "path", ["properties/never/entries", "properties/never/now", "facilities/never-gym/entries",
             "facilities/never-gym/now", "facilities/never-gym/open-times"],
)  # fmt: skip
def test_what_was_never_fetched_is_not_there_yet(client: FlaskClient, path: str) -> None:
    """As its calendar is: 503, and when to ask again; that it exists is told."""
    sentence = "This place is being fetched for the first time; ask again in half a minute."
    assert refused(client, f"/api/v1/{path}", 503) == sentence
    assert client.get(f"/api/v1/{path.rpartition('/')[0]}").status_code == 200


def test_without_a_database_there_is_no_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every address says that it cannot be read right now."""

    def fail(_reading: Reading, *_rest: object, **_more: object) -> Sequence[Entry]:
        raise StoreError("away")

    for name in (
        "properties",
        "property",
        "facilities",
        "facility",
        "feed_state",
        "entries",
        "entries_between",
    ):
        monkeypatch.setattr(Reading, name, fail)
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    for path in KEPT:
        assert (
            refused(client, f"/api/v1{path}", 503)
            == "This cannot be read right now; ask again in half a minute."
        )


def test_a_failure_of_ours_is_a_problem_too(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and nothing of what went wrong."""

    def fail(_reading: Reading, _feed: Feed, *_rest: object, **_more: object) -> Sequence[Entry]:
        raise RuntimeError("something private")

    monkeypatch.setattr(Reading, "entries", fail)
    sentence = refused(client, "/api/v1/facilities/gym/now", 500)
    assert sentence == "Something went wrong on our side; it was noted, please try again later."


def test_no_id_is_a_path(tmp_path: Path) -> None:
    """Before anything is known, whatever an id looks like, it is not there."""
    store = empty_store(tmp_path)
    add_catalogue(store, {"school": []})
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    for odd in ("entries", "a/b", "..", "né", "x" * 3000, "'; DROP TABLE entries; --", "{id}"):
        for rest in ("", "/entries", "/now", "/open-times"):
            answer = client.get(f"/api/v1/facilities/{quote(odd, safe='')}{rest}")
            assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    store.close()


def test_after_is_what_it_was_made_of() -> None:
    """A place in the order survives its way through an address, whatever the uid has in it."""
    for uid in ("a@icalbridge", "a.b.c@icalbridge", "é" * 100):
        assert str(Key(0, 1, uid)).isascii()
        assert str(Key(0, 1, uid)).replace("-", "").replace("_", "").isalnum()
