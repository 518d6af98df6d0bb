"""Poster, status, errors and the site's own look in a real browser; the subscribe block as each
device sees it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"'
    ' fill="#ffd100"/></svg>'
)
DEVICES = {
    "iphone": ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "apple"),
    "android": ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile", "google"),
    "chromebook": ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/126.0", "google"),
    "windows": ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0", "outlook"),
    "linux": ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0", "other"),
    "unheard of": ("Netscape", "apple"),
}


@pytest.fixture(scope="module")
def address(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP, under a school's own yellow and logo."""
    folder = tmp_path_factory.mktemp("site")
    logo = folder / "logo.svg"
    logo.write_text(LOGO, "utf-8")
    settings = replace(PUBLIC, site_name="Sunny Union", site_logo=str(logo), site_accent="#ffd100")
    with serving(create_app(settings, filled, clock=Clock())) as served:
        yield served


def test_poster_is_one_sheet_of_paper(page: Page, address: str) -> None:
    """On paper stay name, code and address, on one page of A4 and one of Letter, however long the
    name is.
    """
    for path in ("/poster/facility/long", "/poster/facility/gym"):
        page.goto(address + path)
        for paper in ("A4", "Letter"):
            assert page.pdf(format=paper).count(b"/Type /Page\n") == 1
    page.emulate_media(media="print", color_scheme="dark")
    assert page.get_by_role("heading", name="Main Gym").is_visible()
    assert page.get_by_role("img", name="QR code for the address below").is_visible()
    assert page.get_by_text("calendars.example.org/facility/gym").is_visible()
    assert not page.get_by_role("link", name="Back to the calendar").is_visible()
    assert not page.get_by_role("button", name="Find").is_visible()


def test_poster_code_is_crisp(page: Page, address: str) -> None:
    """Every pixel of the drawn code is black or white, up to the edges of its modules, at any size."""
    page.goto(address + "/poster/facility/gym")
    grey = page.evaluate("""async () => {
          const image = document.querySelector(".poster img");
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 370;
          const pen = canvas.getContext("2d");
          pen.drawImage(image, 0, 0, 370, 370);
          const seen = pen.getImageData(0, 0, 370, 370).data;
          const shades = {};
          for (let at = 0; at < seen.length; at += 4) shades[seen[at]] = true;
          return Object.keys(shades).map(Number);
        }""")
    assert grey == [0, 255]


@pytest.mark.parametrize(("agent", "first"), DEVICES.values(), ids=DEVICES.keys())
def test_subscribe_begins_with_the_devices_own_way(
    browser: Browser, address: str, agent: str, first: str
) -> None:
    """The same page puts the way first that suits the device, and keeps all five."""
    context = browser.new_context(user_agent=agent)
    page = context.new_page()
    page.goto(address + "/facility/gym")
    ways = page.evaluate(
        "[...document.querySelectorAll('.ways [data-way]')].map(each => each.dataset.way)"
    )
    context.close()
    assert (ways[0], sorted(ways)) == (
        first,
        ["apple", "google", "microsoft365", "other", "outlook"],
    )


def test_subscribe_copies_the_address(page: Page, address: str) -> None:
    """One press puts the address on the clipboard, and says so."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address + "/facility/gym")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == "https://calendars.example.org/ical/facility/gym.ics"
    )


def test_site_without_javascript_offers_everything(open_page: OpenPage, address: str) -> None:
    """Without scripts the ways are all there, and no button that could do nothing."""
    page = open_page(javascript=False)
    page.goto(address + "/facility/gym")
    assert page.get_by_role("link", name="Google Calendar").is_visible()
    assert page.get_by_role("button", name="Copy").count() == 0
    page.get_by_role("link", name="Poster for the door").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Main Gym"
    assert page.get_by_role("button", name="Print").count() == 0


def test_site_shows_its_logo_and_name(page: Page, address: str) -> None:
    """The logo is drawn, and the name beside it leads home."""
    page.goto(address + "/status")
    assert page.evaluate("document.querySelector('.brand img').naturalWidth > 0")
    page.get_by_role("link", name="Sunny Union").first.click()
    assert page.get_by_role("heading", level=1).is_visible()
