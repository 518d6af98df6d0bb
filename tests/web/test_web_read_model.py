"""Pages, embeds, displays and the API show calendars: no file is rendered for them, and what was
shown once is shown from memory while the database is down.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.web.test_web_operations import take_away

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.web_world import Clock

SCREENS = [
    "/",
    "/facility/gym",
    "/property/school?view=week",
    "/property/district?view=month&q=open",
    "/property/district",
    "/embed/facility/gym",
    "/embed/property/district?view=month",
    "/display/facility/gym",
    "/display/property/district",
    "/display/property/district.json",
    "/poster/facility/gym",
    "/qr/property/school.svg",
]
PROGRAMS = ["/build?feed=property:school&q=open", "/api/v1/facilities/gym/now"]


def rendered_files(client: FlaskClient) -> list[str]:
    text = client.get("/metrics").text
    return re.findall(r"^icalbridge_feeds_rendered_total\S* [1-9].*$", text, re.MULTILINE)


@pytest.mark.usefixtures("store")  # an application that rendered nothing before
def test_screens_render_no_file(client: FlaskClient) -> None:
    """Only the address of a file renders one."""
    for path in (*SCREENS, *PROGRAMS):
        assert client.get(path).status_code == 200, path
    assert rendered_files(client) == []
    client.get("/ical/facility/gym.ics")
    assert rendered_files(client) == ['icalbridge_feeds_rendered_total{format="ics"} 1.0']


@pytest.mark.parametrize("path", [*SCREENS, "/api/v1/facilities/gym/now"])
def test_screen_outlives_its_database(
    client: FlaskClient, store: Store, clock: Clock, tmp_path: Path, path: str
) -> None:
    """What this process has shown before it shows again."""
    before = client.get(path)
    clock.advance(10)
    take_away(store, tmp_path)
    during = client.get(path)
    assert during.status_code == 200
    assert without_clock(during.text) == without_clock(before.text)


def without_clock(html: str) -> str:
    """Return a page without the server's clock, which displays are told."""
    return re.sub(r'data-now="\d+"', "", html)


@pytest.mark.parametrize("path", SCREENS)
def test_screen_that_was_never_shown_cannot_be_without_its_database(
    client: FlaskClient, store: Store, tmp_path: Path, path: str
) -> None:
    """Nothing is made up: it is there again when the database is."""
    take_away(store, tmp_path)
    assert client.get(path).status_code == (404 if path.startswith("/qr/") else 503)
