"""Whatever stands behind the question mark: an answer, a sentence, or nothing there; and memory
that stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from icalbridge.feeds import FORMATS, Address
from icalbridge.feeds.query import PARAMETERS
from icalbridge.models import Feed
from icalbridge.settings import Settings
from icalbridge.web import create_app
from icalbridge.web.feed_cache import CACHED_QUERIES, FeedCache
from tests.any_entries import PIECES
from tests.samples import entry
from tests.web_world import PUBLIC, Clock, added, filled_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.store import Store

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
FEEDS = (
    "facility/gym",
    "facility/pool",
    "property/school",
    "property/district",
    "property/odd",
    "property/alone",
)
PATHS = st.builds(
    "/ical/{}.{}".format,
    st.sampled_from(
        [
            *FEEDS,
            "event/reservation/e1",
            "facility/nowhere",
            "facility/a/b",
            "building/gym",
            "property/",
        ]
    ),
    st.sampled_from([*FORMATS, *FORMATS, *FORMATS, "xml", "ICS", "", "ics/"]),
)
USUAL = (
    "gym",
    "pool",
    "gym,pool",
    "0",
    "7",
    "365",
    "1440",
    "approved",
    "pending,approved",
    "drop",
    "mark",
)
ODDER = (
    "busy",
    "tombstone",
    "event",
    "utc",
    "occupancy",
    "{name}",
    "{facility}: {name}",
    "Varsity",
    "Gymnasium",
    "open",
)
TEXT = st.one_of(
    st.sampled_from(USUAL),
    st.sampled_from(ODDER),
    st.sampled_from(PIECES),
    st.text(max_size=40),
    st.integers().map(str),
    st.sampled_from(
        [
            "x" * 3000,
            "," * 60,
            ",".join(map(str, range(60))),
            "-1",
            "1e3",
            "\\",
            "{",
            "{name!r}",
            "%",
        ]
    ),
)
VALUES = st.one_of(
    TEXT.map(lambda text: quote(text, safe="{},: ", errors="surrogatepass")),
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1")),
    st.binary(max_size=12).map(quote_from_bytes),
    st.sampled_from(["%", "%zz", "%ed%a0%80", "%00", "%0d%0aX:1", "%25", "+", "%C0%AF", "%u1234"]),
)
NAMES = st.one_of(st.sampled_from([*PARAMETERS]), st.sampled_from([*PARAMETERS]), VALUES)
STRUCTURED = st.lists(
    st.tuples(NAMES, st.sampled_from(["=", "=", "=", "=", "", "=="]), VALUES), max_size=6
).map(lambda parts: "&".join("".join(part) for part in parts))
MANY = st.integers(40, 60).flatmap(
    lambda count: NAMES.map(lambda name: "&".join([f"{name}=1"] * count))
)
RAW = st.binary(max_size=200).map(lambda octets: octets.decode("latin-1"))
QUERIES = st.one_of(STRUCTURED, STRUCTURED, STRUCTURED, MANY, RAW)
SENTENCES = (
    "must be",
    "There is no",
    "This address",
    "The parameters",
    "before and after",
    "Bookings",
    "Calendars",
)


@dataclass
class Served:
    """An application and what is inside it."""

    app: Any
    service: FeedCache

    def get(self, path: str, query: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        environ = EnvironBuilder(path=path, headers=list(headers.items())).get_environ()
        environ["QUERY_STRING"] = query
        chunks, status, told = run_wsgi_app(self.app, environ, buffered=True)
        return int(status.split()[0]), dict(told), b"".join(chunks)


def served(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock, *, cache_bytes: int = 64_000_000
) -> Served:
    """Make an application, and catch its service as it is made."""
    caught: list[FeedCache] = []

    def catch(*args: Any) -> FeedCache:
        caught.append(FeedCache(*args))
        return caught[-1]

    monkeypatch.setattr("icalbridge.web.FeedCache", catch)
    app = create_app(
        Settings(public_url=PUBLIC.public_url), store, clock=clock, cache_bytes=cache_bytes
    )
    return Served(app, caught[0])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = filled_store(tmp_path_factory.mktemp("fuzz"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(store: Store) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield served(store, monkeypatch, Clock(), cache_bytes=400_000)


def ask(site: Served, path: str, query: str) -> None:
    """Ask once, and again with the tag that came back."""
    status, headers, body = site.get(path, query)
    assert status in {200, 400, 404}
    if status == 400:
        told = body.decode()
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert told.endswith(".\n")
        assert told[:-1].isprintable()
        assert any(each in told for each in SENTENCES)
        assert len(told) < 400
    if status == 200:
        assert site.get(path, query, **{"If-None-Match": headers["ETag"]})[0] == 304
    assert site.service.cached_bytes <= 400_000


@given(PATHS, QUERIES)
@example("/ical/facility/gym.ics", "q=caf\u00c3\u00a9")
@example("/ical/facility/gym.ics", "q=\u00ff")
@example("/ical/facility/gym.ics", "facility=%E2%80%AE")
@example("/ical/facility/gym.ics", "facility=" + ",".join(map(str, range(50))))
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_any_query_is_answered_or_refused(site: Served, path: str, query: str) -> None:
    """Only 200, 304, 400 and 404; a refusal is one printable sentence in plain text."""
    ask(site, path, query)


@pytest.mark.soak
@given(PATHS, QUERIES)
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
def test_ten_thousand_queries_are_answered_or_refused(site: Served, path: str, query: str) -> None:
    """The same, as often as the issue says."""
    ask(site, path, query)


def test_query_may_be_sent_as_it_is(site: Served) -> None:
    """UTF-8 without percent signs means the same as with them."""
    sent = "q=ärzte".encode().decode("latin-1")
    assert (
        site.get("/ical/property/odd.json", sent)[2]
        == site.get("/ical/property/odd.json", "q=%C3%A4rzte")[2]
    )
    assert site.get("/ical/property/odd.json", sent)[2].count(b'"uid"') == 1


@pytest.mark.parametrize(
    ("count", "bound"), [(100, 200_000), pytest.param(1200, 2_000_000, marks=pytest.mark.soak)]
)
def test_flood_of_variants_leaves_memory_bounded_and_the_plain_feed_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, bound: int
) -> None:
    """Hundreds of shapes of different feeds, with and without gzip: what everybody reads stays."""
    store = filled_store(tmp_path)
    many = added(entry(hour, uid=f"many{hour}", event_id=f"many{hour % 7}") for hour in range(150))
    sync(store, "school", many)
    site = served(store, monkeypatch, Clock(), cache_bytes=bound)
    assert site.get("/ical/facility/gym.ics", "")[0] == 200
    answered = 0
    for number in range(count):
        feed, suffix = FEEDS[number % len(FEEDS)], [*FORMATS][number % len(FORMATS)]
        query = f"ahead={number % 364}&cancelled=tombstone&not=without{number}"
        status, _, body = site.get(
            f"/ical/{feed}.{suffix}", query, **({"Accept-Encoding": "gzip"} if number % 2 else {})
        )
        assert status == 200
        answered += len(body)
        assert site.service.cached_bytes <= bound
    assert answered > 2 * bound
    for number in range(CACHED_QUERIES):
        assert site.service.parse_query(f"not=word{number}").unwanted == (f"word{number}",)
    assert site.service._parse.cache_info().currsize == CACHED_QUERIES
    assert site.service.recall(Address(Feed("facility", "gym"))) is not None
    store.close()
