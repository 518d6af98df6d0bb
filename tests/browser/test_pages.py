"""The pages in a real browser: every width, light and dark, by keyboard, and without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.serving import serving
from tests.web_world import HOSTILE, LONG, PUBLIC, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP."""
    with serving(create_app(PUBLIC, filled, clock=Clock())) as served:
        yield served


@pytest.mark.parametrize("path", ["/facility/gym", "/property/district"])
def test_page_is_reached_by_keyboard_in_order(page: Page, address: str, path: str) -> None:
    """Tab goes from the skip link over search and address through the ways to subscribe, and every
    stop is seen.
    """
    page.goto(address + path)
    stops: list[str] = []
    while "Download once" not in stops and len(stops) < 40:
        page.keyboard.press("Tab")
        stop, outline = page.evaluate(
            "() => [document.activeElement.innerText || document.activeElement.id, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", stop
        stops.append(stop)
    assert stops[:4] == ["Skip to the content", "Facility calendars", "q", "Find"]
    ways = ["Apple Calendar", "Google Calendar", "Outlook.com", "Microsoft 365"]
    assert stops[-8:] == ["address", "Copy", *ways, "Poster for the door", "Download once"]


def test_page_skip_link_leads_past_the_top(page: Page, address: str) -> None:
    """The first stop of the keyboard takes the reader to the content."""
    page.goto(address + "/facility/gym")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "All facilities"


def test_pages_work_without_javascript(open_page: OpenPage, address: str) -> None:
    """From the directory by search to a facility and its calendar, with scripts switched off."""
    page = open_page(javascript=False)
    page.goto(address)
    page.get_by_label("Find a school, facility or booking").fill("main gym")
    page.get_by_role("button", name="Find").click()
    assert page.get_by_role("link", name="Main Gym").count() == 1
    page.get_by_role("link", name="Main Gym").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Main Gym"
    feed = "https://calendars.example.org/ical/facility/gym.ics"
    assert page.get_by_label("Address of this calendar").input_value() == feed
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download once").click()
    assert downloading.value.path().read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")


def test_page_address_can_be_copied(page: Page, address: str) -> None:
    """The address is a field that can be selected whole and not be changed."""
    page.goto(address + "/facility/gym")
    field = page.get_by_label("Address of this calendar")
    assert not field.is_editable()
    field.focus()
    page.keyboard.press("Control+A")
    assert page.evaluate("document.getSelection().toString()") == (
        "https://calendars.example.org/ical/facility/gym.ics"
    )


def test_page_shows_hostile_names_as_text(page: Page, address: str) -> None:
    """A name made of markup is read and clicked like any other; nothing of it runs."""
    page.goto(address)
    page.get_by_role("link", name=HOSTILE).click()
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
    assert (
        page.locator('script:not([type]):not([src*=page\\.js]), img:not([src^="/qr/"])').count()
        == 0
    )
    page.get_by_role("link", name=LONG.strip()).first.click()
    assert page.get_by_role("heading", level=1).inner_text() == LONG.strip()


def test_page_names_the_zone_to_readers_of_another(open_page: OpenPage, address: str) -> None:
    """Where the reader's clock agrees with the school’s the zone is not named; without scripts
    always.
    """
    told = {}
    for zone in ("America/Los_Angeles", "America/Tijuana", "America/Phoenix", ""):
        page = open_page(timezone=zone or "America/Los_Angeles", javascript=bool(zone))
        for path in ("/facility/gym", "/facility/gym?view=week", "/embed/facility/gym"):
            page.goto(address + path)
            told[path, zone] = page.get_by_text("Times in America/Los Angeles (PST).").is_visible()
    assert told == {(path, zone): zone in ("America/Phoenix", "") for path, zone in told}


def test_page_prints_the_schedule_and_not_the_buttons(page: Page, address: str) -> None:
    """On paper stay the schedule and the address; search and buttons go."""
    page.goto(address + "/facility/gym")
    page.emulate_media(media="print")
    assert page.get_by_role("heading", name="Coming up").is_visible()
    assert page.get_by_label("Address of this calendar").is_visible()
    assert not page.get_by_role("button", name="Find").is_visible()
    assert not page.get_by_text("Apple Calendar").is_visible()


def test_week_is_narrowed_down_by_keyboard_without_javascript(
    open_page: OpenPage, address: str
) -> None:
    """From a gym's page to its week, to a filter, to an address that carries it: the Tab key and
    Enter are enough.
    """
    page = open_page(javascript=False)
    page.goto(address + "/facility/gym")
    page.get_by_role("link", name="Week", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/facility/gym?view=week#schedule")
    page.get_by_text("View only some bookings").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("open gym")
    page.keyboard.press("Enter")
    page.wait_for_url("**/facility/gym?view=week&q=open+gym*")
    assert page.get_by_role("table").get_by_text("Varsity").count() == 0
    feed = "https://calendars.example.org/ical/facility/gym.ics?q=gym%20open"
    assert page.get_by_label("Address of this calendar").input_value() == feed


def test_week_is_a_table_at_every_width(open_page: OpenPage, address: str) -> None:
    """Stacked or side by side, a screen reader is told of a table whose rows have their day as
    head.
    """
    for width in (320, 1280):
        page = open_page(width=width)
        page.goto(address + "/facility/gym?view=week")
        assert (page.get_by_role("table").count(), page.get_by_role("rowheader").count()) == (1, 7)


def test_week_prints_on_one_page(page: Page, address: str) -> None:
    """A custodian's sheet: one landscape page with the week and its title, and nothing to click."""
    page.goto(address + "/property/school?view=week&date=2026-11-22")
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 1
    page.emulate_media(media="print")
    assert page.get_by_role("table").is_visible()
    assert not page.get_by_role("link", name="Month", exact=True).is_visible()
    assert not page.get_by_text("Subscribe", exact=True).is_visible()
