"""The site's own look: its name and logo on every page, an accent that can be read, and files in
which nothing runs.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.web import create_app
from icalbridge.web.branding import DARK, LIGHT, accent_on
from icalbridge.web.color import ENOUGH, contrast
from icalbridge.web.static_files import FOLDER
from tests.web.seen import look
from tests.web_world import HOSTILE, PUBLIC, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
SVG = (
    b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><script>alert(1)</script><path"
    b" d='M0 0h9v9'/></svg>"
)


@pytest.fixture
def own(store: Store, tmp_path: Path) -> FlaskClient:
    """A site with a look of its own."""
    logo = tmp_path / "logo.svg"
    logo.write_bytes(SVG)
    settings = replace(PUBLIC, site_name=HOSTILE, site_logo=str(logo), site_accent="#ffd100")
    return create_app(settings, store, clock=Clock()).test_client()


@given(COLOURS, st.sampled_from([LIGHT, DARK]))
def test_accent_is_read_wherever_it_stands(wanted: str, grounds: tuple[str, ...]) -> None:
    """Links on every ground and on their own tint, and the writing on buttons, have a contrast of
    4.5 or more.
    """
    made = accent_on(wanted, grounds)
    beside = [contrast(made.accent, ground) for ground in (*grounds, made.tint)]
    assert min(*beside, contrast(made.accent, made.on_accent)) >= ENOUGH


@given(COLOURS, st.sampled_from([(LIGHT, ("#1b2430", "#536070")), (DARK, ("#e8edf2", "#a8b4c1"))]))
def test_accent_leaves_its_tint_to_be_written_on(
    wanted: str, scheme: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """What is on now stands on the tint, in the ordinary colours of text."""
    grounds, inks = scheme
    tint = accent_on(wanted, grounds).tint
    assert min(contrast(ink, tint) for ink in inks) >= ENOUGH


def test_accent_knows_the_grounds_of_the_style_sheet() -> None:
    """The colours that the accent is measured against are those that the pages have."""
    css = (FOLDER / "site.css").read_text("utf-8")
    ground, card = (re.findall(rf"--{name}: (#\w{{6}});", css) for name in ("ground", "card"))
    assert ((card[0], ground[0]), (card[1], ground[1])) == (LIGHT, DARK)


def test_look_is_on_every_page(own: FlaskClient) -> None:
    """Name and logo stand at the top, and the accent's style sheet follows the common one."""
    seen = look(own, "/")
    assert HOSTILE in seen.texts
    images = [attributes for tag, attributes in seen.elements if tag == "img"]
    assert [((each["src"] or "").partition("?")[0], each["alt"]) for each in images] == [
        ("/logo", "")
    ]
    sheets = [
        attributes["href"] or ""
        for tag, attributes in seen.elements
        if attributes.get("rel") == "stylesheet"
    ]
    assert [sheet.partition("?")[0] for sheet in sheets] == ["/static/site.css", "/site.css"]
    assert own.get(sheets[1]).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_accent_style_sheet_holds_colours_only(own: FlaskClient) -> None:
    """Yellow is darkened for white pages and stays as it is on dark ones."""
    answer = own.get("/site.css")
    assert answer.content_type == "text/css; charset=utf-8"
    assert (
        answer.text
        == "@media screen { :root { --accent: #876e00; --on-accent: #ffffff; --tint: #fffae5; } }\n"
        "@media screen and (prefers-color-scheme: dark) "
        "{ :root { --accent: #ffd100; --on-accent: #000000; --tint: #303326; } }\n"
    )


def test_logo_cannot_run(own: FlaskClient) -> None:
    """The logo is what its suffix says, and a browser that opens it by itself runs nothing of it."""
    answer = own.get("/logo")
    assert (answer.data, answer.content_type) == (SVG, "image/svg+xml")
    assert answer.headers.getlist("Content-Security-Policy") == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
    ]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "content_type", "magic"),
    [
        ("/favicon.ico", "image/x-icon", b"\x00\x00\x01\x00"),
        ("/apple-touch-icon.png", "image/png", b"\x89PNG"),
    ],
)
def test_icons_live_where_browsers_look(
    client: FlaskClient, path: str, content_type: str, magic: bytes
) -> None:
    """At the root of the site, small, for a day; pages name the touch icon by its version."""
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.data.startswith(magic)
    assert len(answer.data) < 5000
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    for page in ("/", "/display/facility/gym"):
        named = re.search(r'rel="apple-touch-icon" href="(.*?)"', client.get(page).text)
        assert named is not None
        assert client.get(named[1]).data == client.get("/apple-touch-icon.png").data


def test_manifest_names_the_site(own: FlaskClient) -> None:
    """The manifest has the site's name, its color, its logo and the icon."""
    answer = own.get("/site.webmanifest")
    told = json.loads(answer.data)
    icons = [icon["src"].partition("?")[0] for icon in told.pop("icons")]
    assert answer.content_type == "application/manifest+json"
    assert icons == ["/logo", "/static/favicon.svg"]
    assert told == {
        "name": HOSTILE,
        "short_name": HOSTILE[:30],
        "start_url": "/",
        "scope": "/",
        "display": "minimal-ui",
        "background_color": "#f5f5f2",
        "theme_color": "#876e00",
    }


def test_look_of_no_settings_is_ours(client: FlaskClient) -> None:
    """Without settings there is our name, no logo and no second style sheet."""
    seen = look(client, "/")
    assert "Facility calendars" in seen.texts
    assert [tag for tag, _ in seen.elements if tag == "img"] == []
    assert [client.get(path).status_code for path in ("/logo", "/site.css")] == [404, 404]
    assert json.loads(client.get("/site.webmanifest").data)["name"] == "Facility calendars"
