"""Embedded calendars as other sites get them: what they show, how they are asked for, and who may
frame what.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds import BadQuery
from icalbridge.web import create_app
from icalbridge.web.responses import EMBED_POLICY
from icalbridge.web.views import forms
from icalbridge.web.views.embed_options import EmbedOptions, split_options
from tests.samples import entry
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE, NAMELESS, PUBLIC, Clock, added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

SITE = "https://calendars.example.org"
ELSEWHERE = [
    "/",
    "/build",
    "/embed",
    "/property/school",
    "/facility/gym",
    "/poster/facility/gym",
    "/healthz",
]


def ancestors(client: FlaskClient, path: str) -> str:
    """Return who may frame an address, as the browser is told."""
    return (
        client.get(path)
        .headers["Content-Security-Policy"]
        .partition("frame-ancestors ")[2]
        .partition(";")[0]
    )


def titles(page: Seen) -> list[str]:
    """Return which entries are named, in order."""
    return [text for text in page.texts if text in {"Open Gym", "Practice: Varsity", "Reserved"}]


def test_embed_lists_the_days_that_are_asked_for(client: FlaskClient) -> None:
    """`days` counts today; without it there are seven."""
    page = look(client, "/embed/property/school?days=2")
    assert titles(page) == ["Open Gym", "Practice: Varsity", "Reserved", "Practice: Varsity"]
    assert page.after("Today, Saturday, November 21", 4) == ["11:00 AM", "–", "1:00 PM", "Open Gym"]
    assert titles(look(client, "/embed/facility/gym")) == ["Open Gym"] + 7 * ["Practice: Varsity"]


def test_embed_takes_the_filters_of_a_feed(client: FlaskClient) -> None:
    """What the address of a feed can ask for, that of an embedded calendar can."""
    assert titles(look(client, "/embed/property/school?facility=pool")) == ["Reserved"]
    assert titles(look(client, "/embed/property/school?q=varsity&days=1")) == ["Practice: Varsity"]
    assert titles(look(client, "/embed/property/school?detail=busy&days=1")) == [
        "Reserved",
        "Reserved",
    ]
    assert titles(look(client, "/embed/property/school?ahead=0")) == ["Open Gym"]


def test_embed_shows_a_week(client: FlaskClient) -> None:
    """Seven days beginning as weeks do in the reader's region, with the way to others in the same
    frame.
    """
    page = look(client, "/embed/facility/gym?view=week&q=varsity")
    days = [text for text in page.texts if re.fullmatch(r"\w+day, November \d+", text)]
    assert days[0] == "Sunday, November 15"
    assert days[-1] == "Saturday, November 21"
    assert len(days) == 7
    assert titles(page) == ["Practice: Varsity"]
    assert "?view=week&from=2026-11-08&q=varsity" in page.links()
    british = client.get("/embed/facility/gym?view=week", headers={"Accept-Language": "en-GB"})
    assert "Monday" in next(
        text for text in Seen(british.text).texts if "November" in text and "day" in text
    )


def test_embed_shows_a_month(client: FlaskClient) -> None:
    """Every day of the weeks that it lies in, and what is on."""
    page = look(client, "/embed/facility/gym?view=month")
    numbers = [attributes["datetime"] or "" for tag, attributes in page.elements if tag == "time"]
    days = [each for each in numbers if len(each) == 10]
    assert (days[0], days[-1], len(days)) == ("2026-11-01", "2026-12-05", 35)
    assert titles(page) == ["Open Gym"] + 15 * ["Practice: Varsity"]
    assert "November 2026" in page.texts


def test_embed_shows_what_lasts_over_midnight_on_each_of_its_days(client: FlaskClient) -> None:
    """A night of dance from Sunday to Tuesday is told on all three days, each time from where that
    day is.
    """
    page = look(client, "/embed/property/odd?view=week&q=dance&from=2026-11-24")
    told = [
        page.texts[at - 3 : at] for at, text in enumerate(page.texts) if text == "Night of dance"
    ]
    assert told == [
        ["9:00 PM", "–", "3:00 AM, Tue, Nov 24"],
        ["Sun, Nov 22, 9:00 PM", "–", "3:00 AM, Tue, Nov 24"],
        ["Sun, Nov 22, 9:00 PM", "–", "3:00 AM"],
    ]


def test_embed_names_the_schools_of_a_district(client: FlaskClient) -> None:
    """Where entries are of several schools each says which; where all are of one none does."""
    assert "Lincoln High" in look(client, "/embed/property/district?q=varsity&days=1").texts
    assert look(client, "/embed/property/school?q=varsity&days=1").texts.count("Lincoln High") == 2


def test_embed_names_a_facility_without_a_name_by_its_kind(
    client: FlaskClient, store: Store
) -> None:
    """Otherwise nobody knew which of a school's places an entry is of."""
    field = replace(entry(1, facility=NAMELESS, name="Drill"), property_id="alone")
    sync(store, "alone", added([field]))
    page = look(client, "/embed/property/alone")
    assert page.after("Drill", 1) == ["Field"]


@pytest.mark.parametrize("start", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("view", ["week", "month"])
def test_embed_turns_as_far_as_feeds_reach(client: FlaskClient, view: str, start: str) -> None:
    """A day beyond that is taken for the last that there is, and no link leads on from there."""
    page = look(client, f"/embed/facility/gym?view={view}&from={start}")
    shown = "Later" if start == "0001-01-01" else "Earlier"
    assert [each for each in ("Earlier", "Later") if each in page.texts] == [shown]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("view=year", "view is 'year' and must be list, week or month."),
        ("view=occupancy", "view is 'occupancy' and must be list, week or month."),
        ("days=0", "days is '0' and must be a whole number from 1 to 366."),
        ("days=1e3", "days is '1e3' and must be a whole number from 1 to 366."),
        ("theme=blue", "theme is 'blue' and must be auto, light or dark."),
        (
            "accent=red",
            "accent is 'red' and must be a color of six hexadecimal digits, such as 0b5c6b.",
        ),
        ("lang=fr", "lang is 'fr' and must be en or es."),
        ("header=no", "header is 'no' and must be 0 or 1."),
        ("from=2026-02-30", "from is '2026-02-30' and must be a date, such as 2026-11-21."),
        ("days=1&days=2", "days is given twice; give it once."),
        ("past=x", "past is 'x' and must be a whole number from 0 to 3660."),
        ("facility=none", "There is no facility 'none' here; look its id up in the directory."),
    ],
)
def test_embed_refuses_what_it_does_not_understand(
    client: FlaskClient, query: str, sentence: str
) -> None:
    """In a small page with the sentence, which can be seen in the frame."""
    answer = client.get(f"/embed/property/school?{query}")
    assert answer.status_code == 400
    assert Seen(answer.text).texts == ["Calendar", sentence]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == EMBED_POLICY


def test_embed_says_in_its_frame_what_is_missing(client: FlaskClient) -> None:
    """404 for what there is not, 503 that asks again by itself for what is not there yet."""
    unknown, never = client.get("/embed/facility/unknown"), client.get("/embed/property/never")
    assert (unknown.status_code, never.status_code) == (404, 503)
    assert (never.headers["Refresh"], never.headers["Retry-After"]) == ("30", "30")
    assert "There is no such calendar." in unknown.text
    assert "loaded for the first time" in never.text
    for answer in (unknown, never):
        assert answer.headers["Content-Security-Policy"] == EMBED_POLICY


def test_only_embed_pages_and_displays_may_be_framed(client: FlaskClient) -> None:
    """Nothing but them and displays may be framed by anybody. No ancestor is named, since `*` would
    shut out players that show a file, and sandboxed frames.
    """
    for path in ("/embed/property/school", "/display/facility/gym", "/display/facility/unknown"):
        assert "frame-ancestors" not in client.get(path).headers["Content-Security-Policy"]
    assert {path: ancestors(client, path) for path in ELSEWHERE} == dict.fromkeys(
        ELSEWHERE, "'none'"
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("https://a.example https://b.example", "'self' https://a.example https://b.example"),
        ("'none'", "'self'"),
        ("'self'", "'self'"),
    ],
)
def test_embed_may_be_framed_by_whom_the_setting_names(
    store: Store, setting: str, told: str
) -> None:
    """Those, and this site itself for its preview."""
    client = create_app(
        replace(PUBLIC, frame_ancestors=setting), store, clock=Clock()
    ).test_client()
    assert ancestors(client, "/embed/facility/gym") == told
    assert ancestors(client, "/display/facility/gym") == told


def test_embed_sets_no_cookie_and_may_be_kept(client: FlaskClient) -> None:
    """It is the same for everybody who reads the same language."""
    answer = client.get("/embed/facility/gym")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"].startswith("public, max-age=60")
    assert answer.headers.get_all("Vary") == ["Accept-Encoding, Accept-Language"]
    again = client.get("/embed/facility/gym", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_embed_links_open_elsewhere(client: FlaskClient) -> None:
    """Every link out of the frame says so; those that stay turn to other weeks of the same
    calendar.
    """
    for path in (
        "/embed/property/school",
        "/embed/property/school?view=month",
        "/embed/facility/unknown",
    ):
        for tag, attributes in Seen(client.get(path).text).elements:
            if tag == "a" and not (attributes["href"] or "").startswith("?"):
                assert (attributes["target"], attributes["rel"]) == ("_blank", "noopener")


def test_embed_says_its_looks_without_styles_of_its_own(client: FlaskClient) -> None:
    """Theme, language and header are in the page; the accent comes by a style sheet, mended for
    each ground.
    """
    html = client.get("/embed/facility/gym?accent=%23FFCC00&theme=dark&lang=es&header=0").text
    assert '<html lang="es" data-theme="dark">' in html
    assert '<header class="unseen">' in html
    assert 'href="/embed.css?theme=dark&amp;accent=ffcc00"' in html
    assert "style=" not in html
    light = client.get("/embed.css?theme=light&accent=ffcc00").text
    assert (
        client.get("/embed.css?theme=dark&accent=ffcc00").text
        == f"{light}@media screen{{:root[data-theme]{{--accent:#ffcc00}}}}"
    )
    both = client.get("/embed.css?accent=ffcc00")
    assert both.text.startswith(f"{light}@media screen and (prefers-color-scheme:dark)")
    assert both.headers["Content-Type"] == "text/css; charset=utf-8"
    assert both.text.count("--accent:") == 2
    assert "--accent:#ffcc00" not in both.text.partition("@media")[0]
    assert client.get("/embed.css?accent=red").status_code == 400


def test_embed_takes_the_accent_of_the_site_where_its_address_has_none(store: Store) -> None:
    """What the settings say is the colour of embedded calendars, too."""
    client = create_app(replace(PUBLIC, site_accent="#b3001b"), store, clock=Clock()).test_client()
    assert 'href="/embed.css?accent=b3001b"' in client.get("/embed/facility/gym").text
    assert 'href="/embed.css?accent=112233"' in client.get("/embed/facility/gym?accent=112233").text


def test_embed_script_lives_at_one_small_address(client: FlaskClient) -> None:
    """Pages of others name it for good: no version, an hour's keeping, from anywhere, under a
    kilobyte.
    """
    answer = client.get("/embed.js")
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert len(gzip.compress(answer.data)) < 1000


@pytest.mark.parametrize("view", ["list", "week", "month"])
def test_embed_weighs_little(client: FlaskClient, view: str) -> None:
    """A page with everything it loads, compressed, is at most 30 kB."""
    path = f"/embed/property/district?view={view}&accent=ff0000"
    html = client.get(path).text
    loaded = re.findall(r'(?:href|src)="(/(?:static|embed\.css)[^"]*)"', html)
    assert len(loaded) == 4
    parts = [path, *(each.replace("&amp;", "&") for each in loaded)]
    sent = [client.get(each, headers={"Accept-Encoding": "gzip"}) for each in parts]
    assert [each.headers["Content-Encoding"] for each in sent] == 5 * ["gzip"]
    assert sum(len(each.data) for each in sent) <= 30_000


def test_embed_builder_makes_what_is_pasted(client: FlaskClient) -> None:
    """A frame with a title and a link in it, and the script; every name in it is escaped for HTML."""
    answer = client.get(
        "/embed?feed=property:odd&view=month&theme=dark&accent=%23B3001B&header=0&q=Pool&cancelled=mark"
    )
    assert answer.status_code == 200
    snippet = Snippet(answer.text)
    assert snippet.elements[0] == (
        "iframe",
        {
            "src": (
                f"{SITE}/embed/property/odd?view=month&theme=dark&accent=b3001b&header=0&q=pool&cancelled=mark"
            ),
            "title": f"Calendar of {HOSTILE}",
            "width": "100%",
            "height": "760",
            "frameborder": "0",
            "loading": "lazy",
        },
    )
    assert snippet.elements[1:] == [
        ("a", {"href": f"{SITE}/property/odd"}),
        ("script", {"src": f"{SITE}/embed.js", "async": None}),
    ]
    assert snippet.text == f"Calendar of {HOSTILE}"


class Snippet(Seen):
    """What the first text to copy of a page would be in another page."""

    def __init__(self, html: str) -> None:
        page = re.search(r'<textarea id="snippet"[^>]*>(.*?)</textarea>', html, re.DOTALL)
        assert page is not None
        unescaped = (
            page[1]
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#34;", '"')
            .replace("&#39;", "'")
        )
        super().__init__(unescaped.replace("&amp;", "&"))


def test_embed_builder_has_a_recipe_for_each_usual_site(client: FlaskClient) -> None:
    """Each says in a few steps which of the texts above to paste: all lines, the frame, the address."""
    html = client.get("/embed?feed=facility:gym").text
    recipes = re.findall(r"<summary>([^<]*)</summary>\s*<ol>(.*?)</ol>", html, re.DOTALL)
    assert [name for name, _ in recipes] == [
        "Apptegy", "Edlio", "Finalsite", "Blackboard / Edlink WCM", "ParentSquare Smart Sites",
        "Google Sites", "WordPress", "Wix", "Squarespace", "SharePoint", "A page of your own",
    ]  # fmt: skip
    for name, steps in recipes:
        assert 2 <= steps.count("<li>") <= 4, name
        assert re.search(
            "(all the lines|the frame|the address) ?(alone|as|,|into|\\.)", steps, re.IGNORECASE
        ), name


def test_embed_builder_leaves_out_what_was_ticked_in_another_calendar(client: FlaskClient) -> None:
    """The facilities of one school mean nothing in another's calendar."""
    html = client.get("/embed?feed=property:school&facility=gym&facility=long").text
    assert 'src="/embed/property/school?facility=gym"' in html


def labels(html: str) -> list[str]:
    """Return the options of the first select, and its groups in brackets."""
    select = html.partition("</select>")[0]
    found = re.findall(r'<optgroup label="(.*?)">|<option value="\w.*?>(.*?)</option>', select)
    return [f"[{group}]" if group else option for group, option in found]


def test_embed_builder_lists_facilities_by_school(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than one select holds, those of the chosen school; others stay in their district."""
    school = ["[Lincoln High]", "Lincoln High (Sunnyvale)", "Main Gym (Gymnasium)", "Pool"]
    district = ["[Sunny Union District]", "Sunny Union District (Sunnyvale)"]
    assert labels(client.get("/embed").text)[:6] == district + school
    monkeypatch.setattr(forms, "MOST_OPTIONS", 2)
    for query in ("feed=property:school", "feed=facility:pool"):
        chosen = labels(client.get(f"/embed?{query}").text)
        assert chosen[:2] == district
        assert chosen[3:7] == school
    assert "Main Gym (Gymnasium)" not in labels(client.get("/embed").text)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("feed=property:unknown", 404),
        ("feed=property:school&accent=red", 400),
        ("feed=x&past=z", 404),
    ],
)
def test_embed_builder_says_what_is_wrong(client: FlaskClient, query: str, status: int) -> None:
    """Nothing chosen is no fault; a calendar that there is not and looks that there are not are."""
    answer = client.get(f"/embed?{query}")
    assert answer.status_code == status
    assert "<iframe" not in answer.text


def test_looks_come_apart_from_the_feed_and_together_again() -> None:
    """What is the embedded calendar's own is read by it, everything else is handed on in its order."""
    looks, rest = split_options("q=a+b&view=week&header=1&accent=ABCDEF&days=&facility=x%2Cy")
    assert (looks, rest) == (EmbedOptions(view="week", accent="abcdef"), "q=a+b&facility=x%2Cy")
    assert looks.query(rest) == "view=week&accent=abcdef&q=a+b&facility=x%2Cy"


@pytest.mark.parametrize(
    "query", ["q=" + 2001 * "x", "q=%ff", "&".join(f"q={each}" for each in range(51))]
)
def test_looks_refuse_an_address_that_cannot_be_read(query: str) -> None:
    """As a feed does."""
    with pytest.raises(BadQuery):
        split_options(query)
