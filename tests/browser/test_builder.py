"""The builder in a real browser: one calendar with and without JavaScript, by mouse, by keyboard,
on any screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect

from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.browser.looking import forgive
from tests.fixtures.serving import serving
from tests.web_world import HOSTILE, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser

SITE = "https://calendars.example.org"
OPEN = Settings(public_url=SITE, public_pending=True, public_category=True)
FILLED = f"{SITE}/ical/property/school.ics?facility=gym&q=varsity&past=3&title=%7Bfacility%7D:%20%7Bname%7D"


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP, where pending bookings may be asked for."""
    with serving(create_app(OPEN, filled, clock=Clock())) as served:
        yield served


def fill_in(page: Page) -> None:
    """Fill the form in as anybody would."""
    page.get_by_label("District, school or facility").select_option("Lincoln High (Sunnyvale)")
    if page.get_by_role("button", name="Choose").is_visible():
        page.get_by_role("button", name="Choose").click()
    page.get_by_label("Main Gym").check()
    page.get_by_label("With all of these words").fill("Varsity")
    page.get_by_text("Days", exact=True).click()
    page.get_by_label("Days back").fill("3")
    page.get_by_text("What is shown", exact=True).click()
    page.get_by_label("Title", exact=True).select_option("Main Gym: Practice")


def test_builder_gives_one_address_with_and_without_javascript(
    open_page: OpenPage, address: str
) -> None:
    """Filled in alike, the form leads to one address, at once or by its button."""
    scripted, plain = open_page(), open_page(javascript=False)
    for page in (scripted, plain):
        page.goto(f"{address}/build")
        fill_in(page)
    plain.get_by_role("button", name="Show the calendar").click()
    for page in (scripted, plain):
        expect(page.get_by_label("Address of this calendar")).to_have_value(FILLED)
        expect(page.locator("#result .what").first).to_have_text("Main Gym: Practice")
    assert urlsplit(plain.url).fragment == "result"


def test_builder_follows_what_is_typed(page: Page, address: str) -> None:
    """Address, entries and count change while one types, focus stays, and the page's address can be
    sent to others.
    """
    page.goto(f"{address}/build?feed=property:school")
    page.get_by_label("With all of these words").press_sequentially("open gym")
    expect(page.get_by_label("Address of this calendar")).to_have_value(
        f"{SITE}/ical/property/school.ics?q=gym%20open"
    )
    expect(page.get_by_role("status").first).to_have_text("1 entry in the next 31 days.")
    expect(page.locator(":focus")).to_have_attribute("name", "q")
    assert parse_qsl(urlsplit(page.url).query) == [("feed", "property:school"), ("q", "open gym")]
    page.reload()
    expect(page.get_by_label("With all of these words")).to_have_value("open gym")
    expect(page.locator("#result .what")).to_have_text(["Open Gym"])


def test_builder_picks_facilities_school_by_school(page: Page, address: str) -> None:
    """A district's schools are gone through one after another; their ticks add up."""
    page.goto(f"{address}/build?feed=property:district")
    page.get_by_label("List the facilities of").select_option("Lincoln High")
    page.locator("[name=facility][value=pool]").check()
    page.get_by_label("List the facilities of").select_option(HOSTILE)
    page.locator("#which").get_by_label("第二体育館").check()
    feed = f"{SITE}/ical/property/district.ics?facility=odd.id%20%C3%A9%2F1,pool"
    expect(page.get_by_label("Address of this calendar")).to_have_value(feed)
    expect(page.locator(":focus")).to_have_attribute("name", "facility")


def test_builder_says_what_is_wrong_and_forgets_it(
    page: Page, address: str, page_faults: list[str]
) -> None:
    """A value that cannot be is answered beside the form, its field marked; both go once it is
    mended.
    """
    page.goto(f"{address}/build?feed=property:school")
    page.get_by_text("Days", exact=True).click()
    field = page.get_by_label("Days back")
    field.fill("soon")
    expect(page.get_by_role("alert")).to_have_text(
        "past is 'soon' and must be a whole number from 0 to 3660."
    )
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("7")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Address of this calendar")).to_have_value(
        f"{SITE}/ical/property/school.ics?past=7"
    )
    forgive(page_faults)


def test_builder_takes_away_what_means_nothing(page: Page, address: str) -> None:
    """Minutes belong to spaces in use, titles to bookings: the other's fields are not to be filled
    in, nor sent.
    """
    page.goto(f"{address}/build?feed=property:school")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    before, title = page.get_by_label("Minutes before"), page.get_by_label("Title", exact=True)
    expect(before).to_be_disabled()
    expect(title).to_be_enabled()
    title.select_option("Practice")
    page.get_by_label("Show only when a space is in use").check()
    expect(before).to_be_enabled()
    expect(title).to_be_disabled()
    before.fill("20")
    feed = f"{SITE}/ical/property/school.ics"
    expect(page.get_by_label("Address of this calendar")).to_have_value(
        f"{feed}?view=occupancy&before=20"
    )
    page.get_by_label("Show only when a space is in use").uncheck()
    expect(page.get_by_label("Address of this calendar")).to_have_value(f"{feed}?title=%7Bname%7D")


def test_builder_copies_the_address(page: Page, address: str) -> None:
    """One button puts the address where it can be pasted, and says so; without JavaScript there is
    none.
    """
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/build?feed=facility:gym&detail=busy")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == f"{SITE}/ical/facility/gym.ics?detail=busy"
    )


def test_builder_without_javascript_has_buttons_for_all(open_page: OpenPage, address: str) -> None:
    """What a script would do by itself has a button, and nothing is offered that would not work."""
    page = open_page(javascript=False)
    page.goto(f"{address}/build?feed=property:district")
    names = ["Find", "Choose", "List facilities", "List names", "Show the calendar"]
    expect(page.get_by_role("button")).to_have_text(names)


def test_builder_is_filled_in_by_keyboard(page: Page, address: str) -> None:
    """Every field is a stop of Tab that is seen, in the order in which they stand, and Enter leads
    to the calendar.
    """
    page.goto(f"{address}/build?feed=property:school")
    stops: list[str] = []
    page.get_by_label("District, school or facility").focus()
    while "Copy" not in stops and len(stops) < 40:
        page.keyboard.press("Tab")
        stop, outline = page.evaluate(
            "() => [document.activeElement.name || document.activeElement.innerText ||"
            " document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", stop
        stops.append(stop)
    assert stops == [
        "directory", "facility", "facility", "type", "type", "find", "name", "name", "q", "not", "activity", "category", "status",
        "Days", "What is shown", "For doors, heating, custodians", "Format", "address", "Copy",
    ]  # fmt: skip
    page.get_by_label("Without any of these words").fill("open")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.get_by_label("Address of this calendar")).to_have_value(
        f"{SITE}/ical/property/school.ics?not=open"
    )


def test_builder_says_when_nobody_answers(page: Page, address: str, page_faults: list[str]) -> None:
    """Without the network what was shown stays, and the page says that it could not ask."""
    page.goto(f"{address}/build?feed=facility:gym")
    page.context.set_offline(True)
    page.get_by_label("With all of these words").fill("x")
    expect(page.locator("#count")).to_contain_text("could not be loaded")
    expect(page.get_by_label("Address of this calendar")).to_have_value(
        f"{SITE}/ical/facility/gym.ics"
    )
    page.context.set_offline(False)
    page_faults[:] = [fault for fault in page_faults if "ERR_INTERNET_DISCONNECTED" not in fault]
