"""Addresses as programs and people pass them on: with parameters added, escaped for HTML, with a
slash at the end.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from icalbridge import tokens
from icalbridge.feeds.query import Surface, names_of
from icalbridge.feeds.query_values import UNREADABLE
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.web import create_app
from icalbridge.web.normalize import ADDED, candidates, normalize_feed_path, normalize_query
from tests.samples import GYM, NOW, entry
from tests.web.seen import Seen
from tests.web_world import (
    PRIVATE,
    PUBLIC,
    Clock,
    add_catalogue,
    added,
    empty_store,
    filled_store,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from icalbridge.store import Store

NAMES = (
    "utm_source",
    "utm_id",
    "UTM_Campaign",
    "fbclid",
    "gclid",
    "msclkid",
    "mc_cid",
    "mc_eid",
    "_",
    "t",
    "ts",
    "nocache",
    "cachebuster",
)
FEEDS = [f"/ical/facility/gym.{suffix}" for suffix in ("ics", "json", "csv", "atom")]
WITH_FILTERS = {
    "feed": "/ical/property/school.ics",
    "page of a school": "/property/school",
    "page of a facility": "/facility/gym",
    "embed": "/embed/property/school",
    "embed of a saved feed": "/embed/feed/gyms",
    "maker of snippets": "/embed?feed=property:school",
    "display": "/display/property/school",
    "data of a display": "/display/facility/gym.json",
    "poster": "/poster/facility/gym",
    "code": "/qr/facility/gym.svg",
    "builder": "/build?feed=property:school",
    "API": "/api/v1/facilities/gym/entries",
    "API of the catalogue": "/api/v1/properties/school",
    "saved feed": "/ical/feed/gyms.ics",
}
OTHERS = (
    *FEEDS,
    "/",
    "/?q=gym",
    "/status",
    "/sitemap.xml",
    "/api/v1/",
    "/api/v1/openapi.json",
    "/healthz",
)
ALL = (*WITH_FILTERS.values(), *OTHERS)
NOT_SENT_ALIKE = ("Server-Now", "Display-Now")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A filled database with a saved feed, which no test here changes."""
    opened = filled_store(tmp_path_factory.mktemp("links"))
    opened.saved.put([to_keep(Saved("gyms", "All gyms", facility_ids=("gym", "pool")))], now=NOW)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(store: Store) -> Flask:
    return create_app(PUBLIC, store, clock=Clock())


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def token(store: Store) -> str:
    """What opens a private address of the saved feed."""
    made = tokens.new_token()
    assert store.saved.add_token("gyms", "Coach", tokens.digest(made), now=NOW) is not None
    return made


def same(one: TestResponse, other: TestResponse) -> bool:
    headers = [
        [each for each in answer.headers if each[0] not in NOT_SENT_ALIKE]
        for answer in (one, other)
    ]
    return (one.status_code, one.data, headers[0]) == (other.status_code, other.data, headers[1])


def raw(app: Flask, path: str, query: str) -> tuple[int, bytes]:
    """Ask as a server does that hands octets on as they were sent."""
    environ = EnvironBuilder(path="/").get_environ()
    environ["PATH_INFO"], environ["QUERY_STRING"] = (
        text.encode().decode("latin-1") if text.isprintable() else text for text in (path, query)
    )
    chunks, status, _ = run_wsgi_app(app, environ, buffered=True)
    return int(status.split()[0]), b"".join(chunks)


def joined(address: str, query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{query}"


# parameters that programs add


@pytest.mark.parametrize("address", ALL)
def test_added_parameters_change_nothing(client: FlaskClient, address: str) -> None:
    """Nowhere, whatever their values, in whatever number and place: the same bytes, tag and
    headers.
    """
    plain = client.get(address)
    assert plain.status_code == 200
    values = ("x", "", "%C3%9F", "a=b", "%FF") * 3
    query = "&".join(f"{name}={value}" for name, value in zip(NAMES, values, strict=False))
    assert same(client.get(joined(address, query)), plain)
    assert same(client.get(joined(address, "&utm_source&_")), plain)
    path, _, own = address.partition("?")
    assert same(client.get(f"{path}?{query}&{own}"), plain)


@pytest.mark.parametrize("address", ALL)
def test_added_parameters_are_in_no_answer(client: FlaskClient, address: str) -> None:
    """Not in a link, an address to copy, a canonical address or the switch of languages."""
    answer = client.get(joined(address, "utm_source=zqxj&fbclid=zqxj&_=zqxj"))
    assert b"zqxj" not in answer.data
    assert "zqxj" not in str(answer.headers)


def test_private_feed_ignores_added_parameters(client: FlaskClient, token: str) -> None:
    """It takes none of its own; what a program adds is no reason to refuse it."""
    plain = client.get(tokens.path(token))
    assert plain.status_code == 200
    assert same(client.get(f"{tokens.path(token)}?utm_source=x&_=1"), plain)


def test_added_parameters_take_no_place_in_the_cache(client: FlaskClient) -> None:
    """A feed asked for with a hundred different ones is rendered and cached once."""
    client.get("/ical/facility/gym.ics")
    before = client.get("/metrics").text
    for number in range(100):
        assert client.get(f"/ical/facility/gym.ics?_={number}").status_code == 200
        assert client.get(f"/ical/facility/gym.ICS/?fbclid={number}").status_code == 200
    after = client.get("/metrics").text
    for name in ("icalbridge_feed_cache_bytes", "icalbridge_feed_cache_misses_total"):
        assert re.findall(rf"^{name} .*$", after, re.MULTILINE) == re.findall(
            rf"^{name} .*$", before, re.MULTILINE
        )


@pytest.mark.parametrize("name", sorted(ADDED))
def test_list_of_added_parameters_is_the_contracts(name: str) -> None:
    """No parameter of ours is among them."""
    assert name in NAMES


@pytest.mark.parametrize(
    ("address", "html"),
    [
        (
            "/embed/facility/gym?view=week&theme=dark",
            "/embed/facility/gym?view=week&amp;theme=dark",
        ),
        ("/embed/facility/gym?theme=dark", "/embed/facility/gym?amp;theme=dark"),
        (
            "/embed/facility/gym?view=week&theme=dark",
            "/embed/facility/gym?view=week&amp;amp;theme=dark",
        ),
        (
            "/embed/facility/gym?view=week&theme=dark",
            "/embed/facility/gym?view=week&amp%3Btheme=dark",
        ),
        (
            "/embed/facility/gym?view=week&theme=dark",
            "/embed/facility/gym?view=week&AMP;theme=dark",
        ),
        (
            "/ical/facility/gym.ics?q=open&tz=utc",
            "/ical/facility/gym.ics?q=open&amp;tz=utc&amp;utm_source=x",
        ),
        ("/property/school?view=week&q=gym", "/property/school?view=week&amp;q=gym"),
        (
            "/display/facility/gym?theme=light&dim=22-6",
            "/display/facility/gym?theme=light&amp;dim=22-6",
        ),
        (
            "/api/v1/facilities/gym/entries?limit=2&q=gym",
            "/api/v1/facilities/gym/entries?limit=2&amp;q=gym",
        ),
        ("/qr/facility/gym.svg?q=gym&to=calendar", "/qr/facility/gym.svg?q=gym&amp;to=calendar"),
        ("/build?feed=property:school&q=gym", "/build?feed=property:school&amp;q=gym"),
    ],
)
def test_address_escaped_for_html_is_the_address(
    client: FlaskClient, address: str, html: str
) -> None:
    """`amp;theme=` is `theme=`, however often it was escaped."""
    plain = client.get(address)
    assert plain.status_code == 200
    assert same(client.get(html), plain)


def test_value_with_an_ampersand_is_left_alone(client: FlaskClient) -> None:
    """What is escaped in a value is the value's own."""
    assert normalize_query("q=a%26amp;b&x=amp;c") == "q=a%26amp;b&x=amp;c"
    assert client.get("/ical/facility/gym.ics?amp=1").status_code == 400


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["q", "past", "t1", "utm", "x_", "gclidx"]), st.text(max_size=5))
    )
)
def test_query_without_added_parameters_is_left_as_it_is(pairs: list[tuple[str, str]]) -> None:
    """To the octet."""
    query = "&".join(f"{name}={quote(text)}" for name, text in pairs)
    assert normalize_query(query) == query


# unknown parameters


@pytest.mark.parametrize("address", WITH_FILTERS.values(), ids=WITH_FILTERS)
@pytest.mark.parametrize(
    "query", ["colour=red", "colour=", "colour", "utmsource=x", "T2=1", "amp;colour=1"]
)
def test_unknown_parameter_is_refused_in_a_sentence(
    client: FlaskClient, address: str, query: str
) -> None:
    """On every address that takes some, also without a value."""
    answer = client.get(joined(address, query))
    name = query.removeprefix("amp;").partition("=")[0]
    assert answer.status_code == 400
    sentences = (f"There is no parameter '{name}'", "ask for it without parameters")
    text = " ".join(Seen(answer.text).texts) if answer.mimetype == "text/html" else answer.text
    assert any(each in text for each in sentences)
    assert answer.headers["Cache-Control"] == "no-store"


def test_display_that_is_refused_asks_for_its_data_with_the_same_parameters(
    client: FlaskClient,
) -> None:
    """So the sentence stays on the wall until the address is put right, in the language of the
    display.
    """
    page = client.get("/display/facility/gym?colour=red&lang=es")
    assert (
        "No existe el parámetro 'colour'; esta dirección admite theme, dim, margin, qr, lang,"
        f" {', '.join(names_of(Surface.DISPLAY))}." in Seen(page.text).texts
    )
    found = re.search(r'data-path="([^"]+)"', page.text)
    assert found is not None
    assert found[1] == "/display/facility/gym.json?colour=red&amp;lang=es"
    assert client.get(found[1]).status_code == 400


# what stands at the end of an address


@pytest.mark.parametrize("end", ["/", ".", "./", "/.", "//", "..."])
@pytest.mark.parametrize("address", ALL)
def test_slash_or_full_stop_at_the_end_means_the_same_address(
    client: FlaskClient, address: str, end: str
) -> None:
    """The same answer with the same tag, and no redirect, on every kind of address."""
    path, _, query = address.partition("?")
    environ = EnvironBuilder(path=path, query_string=query).get_environ()
    assert same(client.open(environ | {"PATH_INFO": path + end}), client.get(address))


@pytest.mark.parametrize("suffix", ["ICS", "Ics", "iCs", "JSON", "Csv", "ATOM"])
@pytest.mark.parametrize("end", ["", "/", "."])
@pytest.mark.parametrize(
    "feed", ["/ical/facility/gym", "/ical/feed/gyms", "/ical/event/reservation/e1"]
)
def test_suffix_of_any_case_means_the_same_feed(
    client: FlaskClient, feed: str, suffix: str, end: str
) -> None:
    """Mail programs and people write it in capitals."""
    plain = client.get(f"{feed}.{suffix.lower()}")
    assert plain.status_code == 200
    assert same(client.get(f"{feed}.{suffix}{end}"), plain)


def test_suffix_of_any_case_means_the_same_elsewhere(client: FlaskClient, token: str) -> None:
    """Private feeds, codes and the data of displays."""
    for address in (tokens.path(token), "/qr/facility/gym.svg", "/display/facility/gym.json"):
        stem, _, suffix = address.rpartition(".")
        for end in ("", "/", "."):
            assert same(client.get(f"{stem}.{suffix.upper()}{end}"), client.get(address))


def test_conditional_request_at_another_spelling_is_answered_304(client: FlaskClient) -> None:
    """The tag is the feed's, whichever way its address was written."""
    tag = client.get("/ical/facility/gym.ics").headers["ETag"]
    for address in (
        "/ical/facility/gym.ICS",
        "/ical/facility/gym.ics/",
        "/ical/facility/gym.ics.?utm_medium=x",
    ):
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("odd", ["gym.", "gym/", "gym.ICS", "gym.JSON", "gym./"])
def test_id_that_ends_so_itself_is_shown(tmp_path: Path, odd: str) -> None:
    """Ids are opaque: one that there is wins over the same without what stands at its end."""
    store, other = empty_store(tmp_path), replace(GYM, id=odd, name="Other Gym")
    add_catalogue(store, {"school": [GYM, other]})
    sync(
        store, "school", added([entry(2, uid="odd", facility=other, event_id="odd", name="Chess")])
    )
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    quoted = quote(odd, safe="")
    assert "Chess" in client.get(f"/ical/facility/{quoted}.ics").text
    assert "Chess" in client.get(f"/ical/facility/{quoted}.ICS.").text
    assert "Chess" in client.get(f"/facility/{quoted}").text
    assert "Chess" in client.get(f"/embed/facility/{quoted}").text
    assert "Chess" in client.get(f"/display/facility/{quoted}.json").text
    assert "Chess" in client.get(f"/api/v1/facilities/{quoted}/entries").text
    assert "Chess" in client.get(f"/api/v1/facilities/{quoted}/entries/").text
    assert client.get(f"/api/v1/facilities/{quoted}").get_json()["id"] == odd
    assert "Chess" not in client.get("/facility/gym").text
    store.close()


@pytest.mark.parametrize(
    "path",
    [
        "/facility/unknown/",
        "/facility/unknown.",
        "/ical/facility/unknown.ICS",
        "/nothing/",
        "/facility/./",
        "/api/v1/facilities/..",
        "/ical/facility/gym.ics/..",
    ],
)
def test_unknown_address_stays_unknown(client: FlaskClient, path: str) -> None:
    """However it ends; and nobody is sent elsewhere."""
    assert client.get(path).status_code == 404


@given(st.text("./aICSsvgJON", max_size=12).map(lambda text: f"/{text}"))
@example("/")
@example("//evil.example/..")
def test_candidates_are_few_and_begin_with_the_path(path: str) -> None:
    """At most four, each of them the path with less at its end or a suffix in lower case."""
    found = candidates(path)
    assert found[0] == (path if path.strip("/.") or f"{path}/".find("/../") >= 0 else "/")
    assert 1 <= len(found) <= 4
    assert len(set(found)) == len(found)
    assert all(path.lower().startswith(each.lower()) for each in found)
    assert normalize_feed_path(normalize_feed_path(path)) == normalize_feed_path(path)


# text that nobody escaped


@pytest.mark.parametrize(
    "address",
    [
        "/ical/facility/gym.ics",
        "/facility/gym",
        "/embed/facility/gym",
        "/build",
        "/api/v1/facilities/gym/entries",
        "/",
    ],
)
def test_raw_text_in_a_query_is_read(app: Flask, address: str) -> None:
    """Octets of UTF-8 as they are mean what they mean escaped."""
    escaped = raw(app, address, f"q={quote('Fußball 体育館')}".replace("%20", "+"))
    assert escaped[0] == 200
    assert raw(app, address, "q=Fußball+体育館") == escaped


def test_raw_text_in_a_path_is_read(app: Flask, client: FlaskClient) -> None:
    """An id that nobody escaped is the same id."""
    escaped = client.get("/ical/facility/odd.id%20%C3%A9%2F1.ics")
    assert raw(app, "/ical/facility/odd.id é/1.ics", "") == (200, escaped.data)
    assert raw(app, "/ical/facility/odd.id é/1.ICS/", "") == (200, escaped.data)


@pytest.mark.parametrize("query", ["q=\xff", "q=%FF", "q=%C3", "q=Fu\xdfball", "x=1&q=%ED%A0%80"])
@pytest.mark.parametrize(
    "address", ["/ical/facility/gym.ics", "/facility/gym", "/embed/facility/gym", "/build", "/"]
)
def test_text_in_another_encoding_is_refused_in_a_sentence(
    app: Flask, address: str, query: str
) -> None:
    """Latin-1 and what is no text at all: one sentence says that it has to be UTF-8."""
    environ = EnvironBuilder(path=address).get_environ()
    environ["QUERY_STRING"] = query
    chunks, status, _ = run_wsgi_app(app, environ, buffered=True)
    text = b"".join(chunks).decode()
    assert status.startswith("400")
    assert UNREADABLE in text.replace("&amp;", "&")


def test_addresses_taken_from_the_request_have_nothing_of_it(store: Store) -> None:
    """Also where no public address is set, and pages show the address that they were asked under."""
    client = create_app(PRIVATE, store, clock=Clock()).test_client()
    assert same(client.get("/facility/gym/?fbclid=1"), client.get("/facility/gym"))
