"""Poster, status, errors and the site's own look in a real browser; the subscribe block as each
device sees it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from icalbridge.web import create_app
from tests.fixtures.commands import until
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import CDPSession, Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"'
    ' fill="#ffd100"/></svg>'
)
COPIED = "navigator.clipboard.readText()"
CENTIMETER = 96 / 2.54
"""In CSS pixels."""
FEED = "https://calendars.example.org/ical/facility/gym.ics"
ORDERS = {
    "iphone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1",
        "apple android other outlook microsoft365",
    ),
    "mac": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15",
        "apple google outlook microsoft365 other",
    ),
    "android": (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile",
        "android other apple outlook microsoft365",
    ),
    "chromebook": (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/126.0",
        "google other apple outlook microsoft365",
    ),
    "windows": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0",
        "outlook microsoft365 google apple other",
    ),
    "linux": (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0",
        "other google apple outlook microsoft365",
    ),
    "unheard of": ("Netscape", "apple android google outlook microsoft365 other"),
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


@pytest.mark.parametrize(
    "path",
    [
        "/poster/facility/long",
        pytest.param("/poster/facility/gym", marks=pytest.mark.soak),
        pytest.param("/poster/property/odd", marks=pytest.mark.soak),
        pytest.param("/poster/facility/odd.id%20%C3%A9%2F1?lang=es", marks=pytest.mark.soak),
        f"/poster/property/district?q={'a' * 100}&not={'b' * 100}",
    ],
)
def test_poster_is_one_sheet_of_paper(page: Page, address: str, path: str) -> None:
    """One page of A4 and one of Letter, however long name and address are; the code is at least 8 cm
    wide on it, and nothing of the site around it is there.
    """
    page.goto(address + path)
    for paper in ("A4", "Letter"):
        assert page.pdf(format=paper).count(b"/Type /Page\n") == 1
    page.emulate_media(media="print", color_scheme="dark")
    code = page.locator(".poster img").bounding_box()
    assert code is not None
    assert min(code["width"], code["height"]) > 8 * CENTIMETER
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("calendars.example.org/")).to_be_visible()
    expect(page.locator(".top, .before").first).to_be_hidden()


def test_poster_uses_its_page(page: Page, address: str) -> None:
    """A short name is large, the code wider than half a sheet, and the address at the bottom.

    Every pixel of the drawn code is black or white, up to the edges of its modules, at any size.
    """
    page.goto(address + "/poster/facility/gym")
    page.emulate_media(media="print")
    for width, height in ((725, 965), (703, 1031)):  # Letter and A4 without their margins
        page.set_viewport_size({"width": width, "height": height})
        boxes = [page.locator(part).bounding_box() for part in (".poster img", ".poster-address")]
        code, last = (box for box in boxes if box)
        assert min(code["width"], code["height"]) > 11 * CENTIMETER
        assert height - CENTIMETER < last["y"] + last["height"] < height
    size = page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize")
    assert float(size.removesuffix("px")) > 80
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


def open_ways(page: Page) -> None:
    """Press the button that opens the ways to subscribe."""
    page.locator(".subscribing > summary").click()


@pytest.fixture
def pretend(page: Page) -> Iterator[CDPSession]:
    """The browser's debugger: what it makes the page believe is over at its end."""
    debugger = page.context.new_cdp_session(page)
    yield debugger
    debugger.detach()


def test_subscribe_begins_with_the_devices_own_way(
    page: Page, address: str, pretend: CDPSession
) -> None:
    """The same page orders the ways for the device, and has one of the two for Google."""
    for name, (agent, order) in ORDERS.items():
        pretend.send("Emulation.setUserAgentOverride", {"userAgent": agent})
        page.goto(address + "/facility/gym")
        open_ways(page)
        ways = page.locator(".ways > li:visible").evaluate_all(
            "ways => ways.map(way => way.dataset.way)"
        )
        assert ways == order.split(), name


def test_subscribe_knows_an_ipad_that_says_it_is_a_mac(
    page: Page, address: str, pretend: CDPSession
) -> None:
    """By its screen: it has a phone's way to Google."""
    pretend.send("Emulation.setUserAgentOverride", {"userAgent": ORDERS["mac"][0]})
    pretend.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    page.goto(address + "/facility/gym")
    open_ways(page)
    expect(page.locator("[data-way=android]")).to_be_visible()
    expect(page.locator("[data-way=google]")).to_be_hidden()
    expect(page.locator(".ways > li").first).to_have_attribute("data-way", "apple")


def test_subscribe_copies_the_address(page: Page, address: str) -> None:
    """One press puts the address on the clipboard, and says so for a moment."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address + "/facility/gym")
    open_ways(page)
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate(COPIED) == FEED
    page.get_by_role("button", name="Copy", exact=True).wait_for()


def test_subscribe_copies_the_address_for_google(
    page: Page, address: str, page_faults: list[str]
) -> None:
    """The click that opens Google's page in a new tab leaves the address to paste there."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.context.route("https://calendar.google.com/**", lambda route: route.fulfill(body="Google"))
    page.goto(address + "/facility/gym")
    open_ways(page)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Google Calendar on a computer").click()
    opened.value.wait_for_url("**/settings/addbyurl")
    page.bring_to_front()
    until(lambda: page.evaluate(COPIED) == FEED or None, "the address on the clipboard")
    page_faults[:] = [fault for fault in page_faults if "calendar.google.com" not in fault]


def test_subscribe_shares_the_address_where_devices_can(
    page: Page, address: str, pretend: CDPSession
) -> None:
    """The button is there only where the browser has something to share with."""
    pretend.send("Emulation.setUserAgentOverride", {"userAgent": ORDERS["android"][0]})
    share(pretend, "data.url", "location.pathname.includes('gym')")
    page.goto(address + "/facility/gym")
    open_ways(page)
    page.get_by_role("button", name="Share").click()
    assert page.wait_for_function("window.shared").json_value() == FEED
    page.goto(address + "/facility/pool")
    open_ways(page)
    expect(page.get_by_role("button", name="Share")).to_have_count(0)


def share(pretend: CDPSession, noted: str, where: str) -> None:
    """Give the browser something to share with, which notes what it is given, on some pages only."""
    pretend.send("Page.enable")
    pretend.send(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": f"navigator.share = {where}"
            f" ? async (data) => {{ window.shared = {noted}; }} : undefined;"
        },
    )


def test_booking_page_shares_itself(page: Page, address: str, pretend: CDPSession) -> None:
    """With its title; without something to share with, its address can be copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    share(pretend, "[data.title, data.url]", "!location.search")
    booking = "https://calendars.example.org/booking/gym0"
    page.goto(address + "/booking/gym0")
    page.get_by_role("button", name="Share…").click()
    shared = page.wait_for_function("window.shared").json_value()
    assert shared == ["Practice: Varsity", booking]
    page.goto(address + "/booking/gym0?lang=en")
    expect(page.get_by_role("button", name="Share…")).to_have_count(0)
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate(COPIED) == booking


def test_site_without_javascript_offers_everything(open_page: OpenPage, address: str) -> None:
    """Without scripts the ways are all there, and no button that could do nothing."""
    page = open_page(javascript=False)
    page.goto(address + "/facility/gym")
    open_ways(page)
    expect(page.locator(".ways > li:visible")).to_have_count(6)
    expect(page.get_by_text("Copy the address and paste it")).to_be_visible()
    expect(page.get_by_text("Copies the address")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.get_by_role("link", name="Poster for the door").click()
    page.wait_for_url("**/poster/facility/gym*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Main Gym")
    expect(page.get_by_role("button", name="Print")).to_have_count(0)


def test_site_shows_its_logo_and_name(page: Page, address: str) -> None:
    """The logo is drawn, and the name beside it leads home."""
    page.goto(address + "/status")
    assert page.evaluate("document.querySelector('.brand img').naturalWidth > 0")
    page.get_by_role("link", name="Sunny Union").first.click()
    expect(page).to_have_url(f"{address}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
