"""A school in heavy use: time stays readable as space, and pages stay short."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from icalbridge.models import Facility
from icalbridge.web import create_app
from tests.fixtures.chromium import axe
from tests.fixtures.serving import serving
from tests.samples import NOW, entry
from tests.web_world import FACILITIES, PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser
soaked = partial(pytest.param, marks=pytest.mark.soak)
SCREEN = 900
ROOMS = [Facility(f"r{number}", "school", f"Room {number}", "Classroom") for number in range(60)]
NAME = "Community Youth Basketball League, Team {}"
BOXES = """() => [...document.querySelectorAll(".boxes .item, .allday .item")].map((box) => {
  const {left, right, top, bottom} = box.getBoundingClientRect();
  return {left, right, top, bottom, text: box.querySelector(".what").innerText};
})"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Sixty rooms, each with two short bookings a day; the first with many more, at once, of whole
    days and past midnight.
    """
    store = empty_store(tmp_path_factory.mktemp("dense"))
    add_catalogue(store, {**FACILITIES, "school": ROOMS})
    slots: list[tuple[Facility, int, float, int]] = [
        (room, day, hour, minutes)
        for room in ROOMS
        for day in range(7)
        for hour, minutes in ((-4, 30), (2, 15))
    ]
    slots += [
        (ROOMS[0], day, hour / 2, 45 + hour * 5) for day in range(7) for hour in range(-8, 18)
    ]
    slots += [(ROOMS[0], day, -12, 24 * 60) for day in (0, 2)]
    slots += [(ROOMS[0], 1, 9.5, 5 * 60), (ROOMS[0], 1, -3, 3 * 24 * 60)]
    entries = [
        replace(
            entry(
                day * 24 + hour,
                uid=f"x{number}",
                event_id=f"x{number}",
                name=NAME.format(number),
                end=NOW + timedelta(hours=day * 24 + hour, minutes=minutes),
            ),
            facility_id=room.id,
            place=room.name,
        )
        for number, (room, day, hour, minutes) in enumerate(slots)
    ]
    sync(store, "school", added(entries))
    for other in ("district", "odd"):
        sync(store, other)
    with serving(create_app(PUBLIC, store, clock=Clock())) as served:
        yield served
    store.close()


def check_apart(boxes: list[dict[str, Any]]) -> None:
    """No box covers another by more than its border."""
    for one, other in combinations(boxes, 2):
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        assert across <= 1.5 or down <= 1.5, (one, other)


def height_of(page: Page, part: str) -> float:
    box = page.locator(part).bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.parametrize("width", [1280, *map(soaked, (1024, 1920))])
def test_timeline_of_a_dense_school_is_short(open_page: OpenPage, address: str, width: int) -> None:
    """Some two screens, with rows of equal height however long a name is and however short a
    booking; the other rooms are behind links.
    """
    page = open_page(width=width, height=SCREEN)
    page.goto(f"{address}/property/school?date=2026-11-22")
    boxes = page.evaluate(BOXES)
    check_apart(boxes)
    assert len(boxes) > 40
    heights = {round(box["bottom"] - box["top"]) for box in boxes}
    assert max(heights) - min(heights) <= 1
    assert height_of(page, ".timeline") < 3 * SCREEN
    if width == 1280:
        check_short_booking(page)
    page.get_by_role("link", name="Room 59").first.click()
    page.wait_for_url("**/facility/r59?view=day&date=2026-11-22")


@pytest.mark.parametrize("width", [1280, *map(soaked, (1024, 1920))])
def test_hours_of_a_dense_gym_are_side_by_side(
    open_page: OpenPage, address: str, width: int
) -> None:
    """Nothing covers anything, in a week and in a day."""
    page = open_page(width=width, height=SCREEN)
    for query in ("?view=day&date=2026-11-22", ""):
        page.goto(f"{address}/facility/r0{query}")
        boxes = page.evaluate(BOXES)
        check_apart(boxes)
        assert len(boxes) > 20
    if width == 1280:
        check_short_booking(page)
    check_grid_begins(page)


def check_short_booking(page: Page) -> None:
    """There is no room for all of its name until somebody asks by its focus."""
    link = page.locator(".boxes .item .what a").last
    box = link.locator("xpath=ancestor::li")
    assert box.evaluate("box => box.querySelector('a').scrollHeight > box.clientHeight")
    link.focus()
    assert link.evaluate("link => link.scrollHeight <= link.clientHeight + 1")
    assert box.evaluate("box => getComputedStyle(box).overflow") == "visible"
    assert axe(page) == []
    link.blur()


def test_page_of_a_dense_school_is_some_screens_long(open_page: OpenPage, address: str) -> None:
    page = open_page(height=SCREEN)
    for path in ("/property/school", "/property/school?view=list", "/property/district"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollHeight") < 6 * SCREEN, path
        if path == "/property/school":
            check_grid_begins(page)


def check_grid_begins(page: Page) -> None:
    """At every width of a screen the grid begins within five hundred pixels."""
    for width in (1024, 1920, 1280):
        page.set_viewport_size({"width": width, "height": SCREEN})
        box = page.locator(".timeline, .columns, .month").bounding_box()
        assert box is not None
        assert box["y"] < 500, width


def test_phone_has_things_in_the_order_of_tasks(open_page: OpenPage, address: str) -> None:
    """Name, state, the one button, the date with its neighbors, then what is booked, all but the
    last on the first screen; nothing scrolls sideways.
    """
    page = open_page(width=360, height=740)
    for path in ("/property/school", "/facility/r0", "/property/district"):
        page.goto(f"{address}{path}?date=2026-11-22")
        parts = ("h1", ".state-line", ".subscribing", ".date", ".steps", ".item .what")
        boxes = [page.locator(part).first.bounding_box() for part in parts]
        tops = [box["y"] for box in boxes if box]
        assert len(tops) == len(parts)
        assert tops[:4] == sorted(tops[:4])
        assert max(tops[:5]) < min(tops[5], 740)
        expect(page.get_by_role("link", name="Today", exact=True)).to_be_visible()
        assert page.get_by_text("Apple Calendar").is_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_month_opens_in_place_and_spans(open_page: OpenPage, address: str) -> None:
    """`n more` shows them without another page; what goes on for days is one bar over them."""
    page = open_page(width=1280, height=SCREEN, javascript=False)
    page.goto(f"{address}/facility/r0?view=month&date=2026-11-22")
    check_grid_begins(page)
    day = page.locator("td", has=page.get_by_text("22", exact=True))
    before = day.locator("li:visible").count()
    day.locator("summary").click()
    expect(day.locator("li").nth(before + 5)).to_be_visible()
    assert page.url.endswith("view=month&date=2026-11-22")
    bars = [bar.bounding_box() for bar in page.locator(".span:visible").all()]
    assert len(bars) == 4
    first, *others = (bar for bar in bars if bar)
    for other in others:
        assert abs(first["y"] - other["y"]) < 1
        assert abs(first["x"] + first["width"] - other["x"]) <= 1.5
        first = other
