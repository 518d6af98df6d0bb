"""Filters hold everywhere: whatever leads from a narrowed page elsewhere leads to the same."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from icalbridge.feeds.query import Surface, names_of
from tests.web.seen import Seen

if TYPE_CHECKING:
    from flask.testing import FlaskClient

FILTERS = {
    "facility": ("gym", "Reserved"),
    "type": ("gymnasium", "Reserved"),
    "activity": ("varsity", "Open Gym"),
    "name": ("practice", "Open Gym"),
    "q": ("varsity", "Open Gym"),
    "not": ("open", "Open Gym"),
}
"""A value of each filter, and the title of a booking that it hides."""
SHOWN = "Practice: Varsity"
PAGES = ("/property/school", "/property/district", "/facility/gym")


def test_every_filter_of_pages_is_tried() -> None:
    assert {*FILTERS} == {*names_of(Surface.PAGE)}


def elsewhere(page: str) -> dict[str, str]:
    """Return where a page leads: by the first part of the path, feeds by their suffix, and the week
    to print.
    """
    found = {"print": unescape(re.findall(r'href="([^"]*)">A week to print', page)[0])}
    for link in Seen(page).links():
        path = urlsplit(link).path
        kind = path.rpartition(".")[2] if path.startswith("/ical/") else path.partition("/")[2]
        found.setdefault(kind.partition("/")[0], link)
    return found


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("path", PAGES)
def test_filter_of_a_page_holds_where_it_leads(client: FlaskClient, path: str, name: str) -> None:
    """On the screen, on a page of one's own, on paper, on the poster, as data and in the builder."""
    if path.startswith("/facility") and name in ("facility", "type"):
        return
    value, hidden = FILTERS[name]
    given = f"{name}={value}"
    page = client.get(f"{path}?{given}&view=list")
    shown = [page]
    links = elsewhere(page.text)
    assert given in links["build"]
    for kind in ("print", "display", "json", "csv", "atom", "ics"):
        assert given in links[kind], kind
        shown.append(client.get(urljoin(path, links[kind])))
    # The maker's frame, and the page to which the poster's code leads.
    maker, poster = (client.get(links[kind]).text for kind in ("embed", "poster"))
    frame = re.findall(r'/embed/(?:facility|property)/[^"&]*[^"]*', unescape(maker))[0]
    assert given in links["embed"]
    shown.append(client.get(unescape(frame.partition("&quot;")[0].partition('"')[0])))
    code = re.findall(r'<img src="([^"]*)"', poster)[0]
    shown.append(client.get(unescape(code).replace("/qr", "").replace(".svg", "")))
    for answer in shown:
        assert answer.status_code == 200, answer.request.path
        assert given in answer.request.full_path
        # How the place stands, above the schedule, depends on no filter.
        text = answer.text.partition('id="schedule"')[2] or answer.text
        assert SHOWN in text, answer.request.full_path
        assert hidden not in text, answer.request.full_path
