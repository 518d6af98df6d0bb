"""The pages in a real browser: every width, light and dark, by keyboard, and without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from icalbridge.web import create_app
from tests.fixtures.paper import sheets
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


@pytest.mark.parametrize(
    "path", ["/facility/gym", pytest.param("/property/district", marks=pytest.mark.soak)]
)
def test_page_is_reached_by_keyboard_in_order(page: Page, address: str, path: str) -> None:
    """Tab goes from the skip link over search and address through the ways to subscribe, and every
    stop is seen.
    """
    page.goto(address + path)
    stops: list[str] = []
    while "Download once" not in stops and len(stops) < 40:
        page.keyboard.press("Tab")
        if stops and stops[-1] == "Subscribe":
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")
        stop, outline = page.evaluate(
            "() => [document.activeElement.innerText || document.activeElement.id, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", stop
        stops.append(stop)
    first = ["Skip to the content", "Facility calendars", "Find a free space", "q", "Find"]
    assert stops[:5] == first
    google = "Google Calendar on a computer"
    ways = [google, "Apple Calendar", "Outlook.com", "Microsoft 365"]
    assert stops[-8:] == ["address", "Copy", *ways, "Poster for the door", "Download once"]


UNSEEN = """() => {
  const stop = document.activeElement;
  if (stop === document.body) return null;
  const box = stop.getBoundingClientRect();
  const marked = getComputedStyle(stop).outlineStyle === "solid" || /date|time/.test(stop.type)
    || stop.tagName === "IFRAME";
  return marked && box.width && box.bottom > 0 && box.top < innerHeight ? "" : stop.outerHTML;
}"""
"""What has the focus and does not show it; null after the last stop. The buttons of a date and the
links in a frame are marked inside of it.
"""


@pytest.mark.parametrize(
    "path",
    [
        "/free",
        "/property/school?view=week",
        "/build?feed=facility:gym",
        *(
            pytest.param(path, marks=pytest.mark.soak)
            for path in ("/?q=gym", "/booking/gym0", "/embed?feed=facility:gym", "/status")
        ),
    ],
)
def test_every_stop_of_the_keyboard_is_seen(page: Page, address: str, path: str) -> None:
    """Tab comes through the whole page, and what has the focus is on the screen and marked."""
    page.goto(address + path)
    stops: list[str] = []
    while True:
        page.keyboard.press("Tab")
        unseen = page.evaluate(UNSEEN)
        if unseen is None:
            break
        stops.append(unseen)
        assert len(stops) < 300
    assert len(stops) > 8
    assert set(stops) == {""}


def test_page_skip_link_leads_past_the_top(page: Page, address: str) -> None:
    """The first stop of the keyboard takes the reader to the content."""
    page.goto(address + "/facility/gym")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("All facilities")


def test_pages_work_without_javascript(open_page: OpenPage, address: str) -> None:
    """From the directory by search to a facility and its calendar, with scripts switched off."""
    page = open_page(javascript=False)
    page.goto(address)
    page.get_by_label("Find a school, facility or booking").fill("main gym")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/?q=main+gym*")
    expect(page.get_by_role("link", name="Main Gym")).to_have_count(1)
    page.get_by_role("link", name="Main Gym").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Main Gym")
    feed = "https://calendars.example.org/ical/facility/gym.ics"
    page.get_by_text("Subscribe", exact=True).click()
    expect(page.get_by_label("Address of this calendar")).to_have_value(feed)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download once").click()
    assert downloading.value.path().read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")


def test_page_address_can_be_copied(page: Page, address: str) -> None:
    """The address is a field that can be selected whole and not be changed."""
    page.goto(address + "/facility/gym")
    page.get_by_text("Subscribe", exact=True).click()
    field = page.get_by_label("Address of this calendar")
    expect(field).not_to_be_editable()
    field.focus()
    page.keyboard.press("Control+A")
    assert page.evaluate("document.getSelection().toString()") == (
        "https://calendars.example.org/ical/facility/gym.ics"
    )


def test_page_shows_hostile_names_as_text(page: Page, address: str) -> None:
    """A name made of markup is read and clicked like any other; nothing of it runs."""
    page.goto(address)
    page.get_by_role("link", name=HOSTILE).click()
    page.wait_for_url("**/property/*")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    foreign = page.locator('script:not([type]):not([src*=page\\.js]), img:not([src^="/qr/"])')
    expect(foreign).to_have_count(0)
    page.get_by_role("link", name=LONG.strip()).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(LONG.strip())


def test_page_names_the_zone_to_readers_of_another(open_page: OpenPage, address: str) -> None:
    """Where the reader's clock agrees with the school’s the zone is not named; without scripts
    always.
    """
    day, week, embed = "/facility/gym", "/facility/gym?view=week", "/embed/facility/gym"
    for zone, paths in (
        ("America/Los_Angeles", (week,)),
        ("America/Tijuana", (day,)),
        ("America/Phoenix", (day, embed)),
        ("", (week, embed)),
    ):
        page = open_page(timezone=zone or "America/Los_Angeles", javascript=bool(zone))
        for path in paths:
            page.goto(address + path)
            named = page.get_by_text("Times in Pacific Time.").is_visible()
            assert named == (zone in ("America/Phoenix", "")), (zone, path)


def test_page_prints_the_schedule_and_not_the_buttons(page: Page, address: str) -> None:
    """On paper stay the schedule and the address; search and buttons go."""
    page.goto(address + "/facility/gym?view=list")
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Coming up")).to_be_visible()
    feed = "https://calendars.example.org/ical/facility/gym.ics"
    expect(page.get_by_text(feed)).to_be_visible()
    expect(page.get_by_role("button", name="Find")).to_be_hidden()
    expect(page.get_by_text("Apple Calendar")).to_be_hidden()


def test_week_is_narrowed_down_by_keyboard_without_javascript(
    open_page: OpenPage, address: str
) -> None:
    """From a gym's page to its week, to a filter, to an address that carries it: the Tab key and
    Enter are enough.
    """
    page = open_page(javascript=False)
    page.goto(address + "/property/school")
    page.get_by_role("link", name="Week", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/property/school?view=week#schedule")
    page.get_by_text("View only some bookings").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("open gym")
    page.keyboard.press("Enter")
    page.wait_for_url("**/property/school?view=week&q=open+gym*")
    expect(page.get_by_role("table").get_by_text("Varsity")).to_have_count(0)
    feed = "https://calendars.example.org/ical/property/school.ics?q=gym%20open"
    page.get_by_text("Subscribe", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Address of this calendar")).to_have_value(feed)


def test_week_of_a_school_is_a_table_at_every_width(page: Page, address: str) -> None:
    """Stacked or side by side, its rows have their facility as head."""
    page.goto(address + "/property/school?view=week")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        expect(page.get_by_role("table")).to_have_count(1)
        expect(page.get_by_role("rowheader")).to_have_count(1)


BOXES = """() => [...document.querySelectorAll(".boxes .item")].map((box) => {
  const {left, right, top, bottom} = box.getBoundingClientRect();
  return {left, right, top, bottom, text: box.querySelector(".what").innerText};
})"""


@pytest.mark.parametrize("path", ["/facility/gym", "/property/school"])
def test_grid_places_entries_by_time(page: Page, address: str, path: str) -> None:
    """On a wide screen what is later stands further along its axis, nothing covers anything, and
    now is a line; on a phone the same is a list that needs no scrolling sideways, and what is on
    today is on the first screen.
    """
    page.goto(address + path)
    boxes = page.evaluate(BOXES)
    first, second = boxes[0], boxes[1]
    assert (first["text"], second["text"]) == ("Open Gym", "Practice: Varsity")
    begins, ends = ("top", "bottom") if path == "/facility/gym" else ("left", "right")
    hours = second[begins] - first[begins]
    assert abs((first[ends] - first[begins]) / hours - 2 / 4) < 0.05, "two hours, four later"
    expect(page.locator(".now-line")).to_be_visible()
    if path == "/facility/gym":
        columns = page.locator(".columns > section")
        widths = [columns.nth(number).bounding_box()["width"] for number in range(7)]  # type: ignore[index]
        assert max(widths) - min(widths) < 2, "seven days side by side"
        axis = page.get_by_text("11 AM", exact=True).bounding_box()
        assert abs(axis["y"] - first["top"]) < 3, "an hour stands where its entries are"  # type: ignore[index]
    assert page.locator(".columns, .timeline").bounding_box()["y"] < 500  # type: ignore[index]
    page.set_viewport_size({"width": 360, "height": 740})
    first, second = page.evaluate(BOXES)[:2]
    assert first["bottom"] <= second["top"] + 1
    assert page.get_by_text("Open Gym").last.bounding_box()["y"] < 740  # type: ignore[index]
    expect(page.locator(".now-line")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


FREE_OUTSIDE = """() => [...document.querySelectorAll(".columns .free span")].filter((one) =>
  one.getBoundingClientRect().right > one.closest("section").getBoundingClientRect().right
).map((one) => one.textContent)"""


@pytest.mark.parametrize("language", ["es", pytest.param("en", marks=pytest.mark.soak)])
def test_open_times_stay_in_their_column(open_page: OpenPage, address: str, language: str) -> None:
    """A long one goes on in the next line, in Spanish too, whose hours are longer."""
    page = open_page(width=1024)
    page.goto(f"{address}/facility/gym?lang={language}")
    assert page.evaluate(FREE_OUTSIDE) == []


def test_week_prints_on_one_page(page: Page, address: str) -> None:
    """A custodian's sheet: one landscape page with the week and its title, and nothing to click."""
    for path in ("/facility/gym?view=week", "/facility/gym?view=month"):
        page.goto(address + path)
        assert len(sheets(page.pdf(prefer_css_page_size=True))) == 1, path
    page.goto(address + "/property/school?view=week&date=2026-11-22")
    (sheet,) = sheets(page.pdf(prefer_css_page_size=True))
    text = sheet.text
    assert text.startswith("Lincoln High Nov 22 – 28, 2026 Sun, Nov 22 Mon, Nov 23 ")
    assert text.count("Main Gym 3:00 – 5:00 PM Practice: Varsity 3:00 – 5:00 PM") == 1
    assert (text.count("Practice: Varsity"), text.count("Pool 2:00 – 4:00 PM Reserved")) == (7, 1)
    for part in ("Subscribe", "Find", "Month"):
        assert part not in text
    page.emulate_media(media="print")
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_role("link", name="Month", exact=True)).to_be_hidden()
    expect(page.get_by_text("Subscribe", exact=True)).to_be_hidden()
