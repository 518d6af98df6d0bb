"""Which language a page comes in, how one is chosen and kept, and that what is for programs has
none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import i18n
from tests.web.seen import Seen, look

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PAGES = [
    "/",
    "/facility/gym",
    "/property/school",
    "/build",
    "/build?feed=facility:gym",
    "/nowhere",
    "/property/never",
]


@pytest.mark.parametrize(
    ("lang", "accepted", "chosen"),
    [
        ("", "", "en_US"),
        ("", "es", "es_US"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es_MX"),
        ("", "fr-CA, en-GB;q=0.5, es;q=0.4", "en_GB"),
        ("", "fr, de", "en_US"),
        ("", "es;q=0, en-CA", "en_CA"),
        ("", "en-XX", "en_US"),
        ("", "es-Latn-419-x-what", "es_US"),
        ("", "*", "en_US"),
        ("", ";;;=,,q", "en_US"),
        ("es", "en-GB, es-ES;q=0.1", "es_ES"),
        ("es", "en-GB", "es_US"),
        ("en", "es-MX", "en_US"),
        ("es-AR", "en-GB, es-ES", "es_AR"),
        ("ES-mx", "", "es_MX"),
        ("fr", "es", "es_US"),
        ("../es", "", "en_US"),
        ("es" * 500, "", "en_US"),
    ],
)
def test_language_is_the_address_s_then_the_browser_s(
    lang: str, accepted: str, chosen: str
) -> None:
    """What we do not speak counts as not asked for; a region is kept where it goes with the
    language.
    """
    assert str(i18n.choose(lang, accepted)) == chosen


@pytest.mark.parametrize(
    ("lang", "asked"),
    [
        ("", ""),
        ("es", "es"),
        ("ES", "es"),
        ("es-mx", "es-MX"),
        ("fr", ""),
        ("es'\"><b>", ""),
        ("x" * 99, ""),
    ],
)
def test_asked_is_written_in_one_way(lang: str, asked: str) -> None:
    """Only what is understood is ever put into a link."""
    assert i18n.requested_language(lang) == asked


@pytest.mark.parametrize("path", PAGES)
def test_page_follows_the_browser(client: FlaskClient, path: str) -> None:
    """The header decides, caches are told so, and the page and its headers say which language it
    is.
    """
    pages = [
        client.get(path, headers={"Accept-Language": accepted}) for accepted in ("es-MX", "en")
    ]
    assert [each.headers["Content-Language"] for each in pages] == ["es", "en"]
    assert [Seen(each.text).elements[0] for each in pages] == [
        ("html", {"lang": "es"}),
        ("html", {"lang": "en"}),
    ]
    assert ["Accept-Language" in each.headers["Vary"].split(", ") for each in pages] == [True, True]


def test_page_in_another_language_is_another_for_caches(client: FlaskClient) -> None:
    """Each has its own tag; that of one does not make a browser keep it when it asks for the other."""
    spanish = client.get("/facility/gym", headers={"Accept-Language": "es"})
    again = [
        client.get(
            "/facility/gym",
            headers={"Accept-Language": wanted, "If-None-Match": spanish.headers["ETag"]},
        )
        for wanted in ("es", "en")
    ]
    assert [each.status_code for each in again] == [304, 200]
    assert [each.headers["Vary"] for each in again] == ["Accept-Encoding, Accept-Language"] * 2


def test_page_is_not_in_the_language_of_the_one_before(client: FlaskClient) -> None:
    """Nothing of a request is left to the next, nor to what runs outside of requests."""
    client.get("/?lang=es")
    assert (str(i18n.current()), look(client, "/").texts[0]) == ("en_US", "Facility calendars")


def test_links_keep_the_language_that_an_address_asked_for(client: FlaskClient) -> None:
    """From page to page, in forms too; no feed takes it, and no file but that with the name."""
    seen = look(client, "/facility/gym?lang=es")
    own = [link for link in seen.links() if link.startswith("/")]
    assert {"/free?lang=es", "/property/school?lang=es", "/status?lang=es"} <= set(own)
    without = [link for link in own if "lang=es" not in link]
    assert without == [f"/ical/facility/gym.{suffix}" for suffix in ("ics", "json", "csv", "atom")]
    views = [link for link in seen.links() if link.startswith("?")]
    assert views[0] == "?view=day&lang=es#schedule"
    assert {"lang=es" in link for link in views[:-1]} == {True}
    assert views[-1] == "?lang=en"
    hidden = [
        each for tag, each in seen.elements if tag == "input" and each.get("type") == "hidden"
    ]
    assert hidden == [{"type": "hidden", "name": "lang", "value": "es"}] * 3
    assert [
        each["href"]
        for tag, each in seen.elements
        if tag == "link" and "lang" in (each["href"] or "")
    ] == ["/site.webmanifest?lang=es"]


def test_links_say_nothing_of_a_language_that_the_browser_chose(client: FlaskClient) -> None:
    """An address that is handed on comes in the language of whoever opens it."""
    answer = client.get("/facility/gym", headers={"Accept-Language": "es"})
    assert [link for link in Seen(answer.text).links() if "lang=" in link] == ["?lang=en"]


@pytest.mark.parametrize(
    ("path", "switch"),
    [
        ("/", "?lang=es"),
        ("/?q=gym+%26+pool&q=two&lang=en", "?q=gym+%26+pool&q=two&lang=es"),
        ("/?lang=es", "?lang=en"),
        ("/build?feed=facility:gym&lang=es-MX", "?feed=facility%3Agym&lang=en"),
        ("/?q=%22%3E%3Cscript%3E", "?q=%22%3E%3Cscript%3E&lang=es"),
    ],
)
def test_switch_leads_to_the_same_page_in_the_other_language(
    client: FlaskClient, path: str, switch: str
) -> None:
    """Everything else of the address stays; each language is named in its own words, and marked as
    such.
    """
    seen = look(client, path)
    code = switch[-2:]
    assert [each for tag, each in seen.elements if tag == "a"][-1] == {
        "href": switch,
        "lang": code,
        "hreflang": code,
    }
    assert seen.texts[-1] == {"en": "English", "es": "Español"}[code]


def test_switch_never_leaves_the_site(client: FlaskClient) -> None:
    """An address with two slashes would be another host's, were it written out in a link."""
    seen = Seen(client.get("//evil.example/x").text)
    assert [link for link in seen.links() if "lang=" in link or "evil" in link] == ["?lang=es"]


def test_builder_takes_a_language_and_hands_none_to_the_feed(client: FlaskClient) -> None:
    """It is a field of the form, not a parameter of the calendar."""
    answer = client.get("/build?feed=facility:gym&q=practice&lang=es")
    assert answer.status_code == 200
    address = next(each for each in Seen(answer.text).texts if each.startswith("https://"))
    assert address == "https://calendars.example.org/ical/facility/gym.ics?q=practice"


def test_builder_s_refusal_is_in_the_page_s_language(client: FlaskClient) -> None:
    """What a feed refuses in English, the page says in Spanish, and marks the same field."""
    answer = client.get("/build?feed=facility:gym&past=long&lang=es")
    told = "Este calendario no se puede crear tal como se pide: revise «past»."
    assert (answer.status_code, Seen(answer.text).after("Su calendario", 1)) == (400, [told])


@pytest.mark.parametrize(
    "path", ["/ical/facility/gym.ics", "/display/facility/gym.json", "/readyz", "/static/site.css"]
)
def test_what_is_for_programs_has_no_language(client: FlaskClient, path: str) -> None:
    """The same bytes whatever a browser prefers, and nothing that would make caches keep them
    twice.
    """
    english, spanish = (
        client.get(path, headers={"Accept-Language": each}) for each in ("en", "es")
    )
    assert english.data == spanish.data
    assert (
        spanish.headers.get("Content-Language"),
        "Language" in spanish.headers.get("Vary", ""),
    ) == (None, False)


def test_display_is_in_the_language_of_its_address_only(client: FlaskClient) -> None:
    """A TV set's own language says nothing of who stands before it."""
    path = "/display/facility/gym"
    english, spanish = (
        client.get(path, headers={"Accept-Language": "es"}),
        client.get(f"{path}?lang=es"),
    )
    assert [each.headers["Content-Language"] for each in (english, spanish)] == ["en", "es"]
    assert [each.headers["Vary"] for each in (english, spanish)] == ["Accept-Encoding"] * 2
    shown = [
        next(each["data-path"] for _, each in Seen(page.text).elements if "data-path" in each)
        for page in (english, spanish)
    ]
    assert shown == [f"{path}.json", f"{path}.json?lang=es"]


@pytest.mark.parametrize(
    ("lang", "day", "time", "wall"),
    [
        ("en", "Saturday, November 21", "12:00 PM", "12:00 PM"),
        ("es", "Sábado, 21 de noviembre", "12:00 p.m.", "12:00 p.m."),
        ("es-ES", "Sábado, 21 de noviembre", "12:00", "12:00"),
        ("en-GB", "Saturday, 21 November", "12:00", "12:00"),
    ],
)
def test_display_writes_times_as_its_region_does(
    client: FlaskClient, lang: str, day: str, time: str, wall: str
) -> None:
    """In its data, whose texts the script shows as they come, and on its clock, which it puts
    together itself.
    """
    answer = client.get(f"/display/facility/gym.json?lang={lang}")
    told = json.loads(answer.data)
    assert (told["days"][0]["name"], told["as_of"]["text"]) == (day, time)
    seen = Seen(client.get(f"/display/facility/gym?lang={lang}").text)
    assert (wall in seen.texts, day in seen.texts) == (True, True)
