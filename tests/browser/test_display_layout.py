"""How displays look in a real browser: type, margins and codes on every screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.wall import (
    CUT,
    DISTRICT,
    GYM,
    SCHOOL,
    SMALLEST,
    Wall,
    ask,
    busy,
    hang,
    slot,
    titles,
    wait,
)
from tests.fixtures.chromium import axe
from tests.samples import POOL, entry

if TYPE_CHECKING:
    from playwright.sync_api import Page

CUT_AFTER_A_LINE = """() => {
  const names = document.querySelectorAll('#display .school, #display .where, #display .names p');
  return [...names].filter(one => {
    const {lineHeight, paddingTop, paddingBottom} = getComputedStyle(one);
    const height = one.clientHeight - parseFloat(paddingTop) - parseFloat(paddingBottom);
    return one.getBoundingClientRect().width && height < 1.5 * parseFloat(lineHeight)
      && (one.scrollHeight > one.clientHeight + 2 || one.scrollWidth > one.clientWidth + 2);
  }).map(one => one.textContent);
}"""
"""Names of schools and places that are cut although they have one line only."""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outages")]

SIZES = [(854, 480), (1080, 1920), (1920, 1080), (3840, 2160), (1024, 768)]
FEW_SIZES = [(854, 480), (720, 1280), (1280, 720), (1024, 768)]
"""Each shape once: type and space grow with the screen, so what fits at 720 lines fits at 4K."""


def show(page: Page, wall: Wall, path: str, width: int, height: int) -> None:
    """Show a display on a screen of a size, and wait until it has filled it.

    One that is open already sees by itself within a second that its screen changed, and at once
    when it comes into view.
    """
    page.set_viewport_size({"width": width, "height": height})
    if page.url == wall.address(path):
        page.wait_for_function(
            "size => innerWidth + ' ' + innerHeight === size", arg=f"{width} {height}"
        )
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    else:
        page.goto(wall.address(path))
        page.wait_for_function("document.documentElement.classList.contains('live')")


# entries


def test_display_lets_go_of_what_ended(device: Page, wall: Wall) -> None:
    """At its end an entry leaves the board by itself."""
    page = hang(device, wall, SCHOOL)
    assert titles(page) == ["Open Gym", "Practice: Varsity"]
    ask(page, wall, minutes=60)
    assert titles(page) == ["Practice: Varsity"]


def test_display_strikes_out_what_was_called_off(device: Page, wall: Wall) -> None:
    """What was called off stays until its end, struck out and with a word; the gym is free
    meanwhile.
    """
    page = hang(device, wall, GYM)
    wall.call_off(entry(-1, uid="now", event_id="e0", name="Open Gym"))
    ask(page, wall, minutes=2)
    assert (slot(page, "headline"), titles(page, "now")) == ("Free", ["Open Gym"])
    line = page.locator("[data-lines=now] .line")
    expect(line.locator(".mark")).to_have_text("Canceled")
    assert "line-through" in line.locator(".title").evaluate(
        "one => getComputedStyle(one).textDecoration"
    )
    ask(page, wall, minutes=58)
    assert titles(page, "now") == []


def test_display_says_free_or_in_use_by_word_colour_and_shape(device: Page, wall: Wall) -> None:
    """Who sees no colours reads the word and knows the shape."""
    look = (
        "one => [getComputedStyle(one).backgroundColor,"
        " getComputedStyle(one.firstElementChild).backgroundColor]"
    )
    page = hang(device, wall, GYM)
    in_use = slot(page, "headline"), page.locator(".state").evaluate(look)
    ask(page, wall, minutes=60)
    free = slot(page, "headline"), page.locator(".state").evaluate(look)
    assert in_use == ("In use", ["rgb(176, 30, 34)", "rgb(255, 255, 255)"])
    assert free == ("Free", ["rgb(11, 107, 61)", "rgba(0, 0, 0, 0)"])


# how it looks


@pytest.mark.parametrize(
    ("path", "sizes"),
    [
        (DISTRICT, SIZES),
        ("/display/facility/long", SIZES[:2]),
        pytest.param(GYM, SIZES, marks=pytest.mark.soak),
        *(
            pytest.param(path, SIZES[:2], marks=pytest.mark.soak)
            for path in (
                SCHOOL,
                "/display/property/alone",
                "/display/feed/gyms",
                f"{DISTRICT}?not=varsity&facility=gym,pool",
            )
        ),
    ],
)
def test_display_fits_every_screen(
    page: Page, wall: Wall, path: str, sizes: list[tuple[int, int]]
) -> None:
    """From 480 lines to 4K, across and upright, nothing is cut off, and letters are large."""
    wall.fill(busy(30, POOL))
    wall.save_gyms()
    for width, height in sizes:
        show(page, wall, path, width, height)
        outside = page.evaluate(
            """() => [...document.querySelectorAll('#display p, #display h1, #display h2')].filter(one => {
              const box = one.getBoundingClientRect();
              return box.width && (box.right > innerWidth || box.bottom > innerHeight || box.left < 0 || box.top < 0);
            }).map(one => one.textContent)"""
        )
        smallest = page.evaluate(SMALLEST)
        overflow = page.evaluate("getComputedStyle(document.documentElement).overflow")
        assert (outside, overflow) == ([], "hidden")
        dense = page.evaluate("document.getElementById('display').classList.contains('dense')")
        assert smallest is None or smallest >= min(width, height) * (0.0339 if dense else 0.039)


NAME = "Sunny Valley Community Youth Recreation League of the Winter Season"
ACTIVITY = "Under 12 Semifinals"


@pytest.mark.parametrize(
    ("path", "count", "sizes"),
    [
        (GYM, 1, FEW_SIZES),
        (GYM, 5, FEW_SIZES),
        (SCHOOL, 12, FEW_SIZES),
        *(
            pytest.param(path, count, [*SIZES, (720, 1280), (1280, 720)], marks=pytest.mark.soak)
            for path, count in ((GYM, 1), (GYM, 5), (GYM, 12), (SCHOOL, 1), (SCHOOL, 12))
        ),
    ],
)
def test_display_cuts_no_activity(
    page: Page, wall: Wall, path: str, count: int, sizes: list[tuple[int, int]]
) -> None:
    """A long name takes two lines and is cut before its activity is, on every screen."""
    wall.fill(
        [
            entry(
                0.3 + 0.3 * hour, uid=f"l{hour}", event_id=f"l{hour}", name=NAME, activity=ACTIVITY
            )
            for hour in range(count)
        ]
    )
    shown = 0
    for width, height in sizes:
        show(page, wall, path, width, height)
        assert page.evaluate(CUT) == [], (width, height)
        for line in page.locator(".line:visible .title", has_text="Sunny Valley C").all():
            assert ACTIVITY in line.inner_text()
            shown += 1
    assert shown > 0


@pytest.mark.parametrize(
    "path", [DISTRICT, pytest.param("/display/facility/long", marks=pytest.mark.soak)]
)
def test_display_cuts_no_place_after_one_line(page: Page, wall: Wall, path: str) -> None:
    """Names of schools and places have two lines, also where there is so much that type is small."""
    wall.fill(busy(120, POOL, first=0.2, every=0.05))
    for width, height in [*SIZES[:2], (1280, 720)]:
        show(page, wall, path, width, height)
        assert page.evaluate(CUT_AFTER_A_LINE) == [], (width, height)


@pytest.mark.parametrize(
    ("path", "sizes"),
    [
        (GYM, [(1280, 720), (3840, 2160)]),
        (SCHOOL, FEW_SIZES),
        pytest.param(SCHOOL, SIZES, marks=pytest.mark.soak),
    ],
)
def test_display_shows_a_title_whole_where_there_is_room(
    page: Page, wall: Wall, path: str, sizes: list[tuple[int, int]]
) -> None:
    """A name is not cut because it is long, but where there is no room for it."""
    name, activity = "Sunny Valley Recreation Leagues of the Winter", "Semifinals U12"
    wall.fill([entry(0.5, uid="l", event_id="l", name=name, activity=activity)])
    for width, height in sizes:
        show(page, wall, path, width, height)
        title = page.locator(".title:visible", has_text=f"{name}: {activity}")
        expect(title.first).to_be_visible()
        assert page.evaluate(CUT) == []


INSIDE = """percent => {
  const [across, down] = [innerWidth, innerHeight].map(side => side * percent / 100);
  const all = [...document.querySelectorAll('#display p, #display h1, #display h2, #display section')];
  return all.filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && (box.left < across || box.right > innerWidth - across
      || box.top < down || box.bottom > innerHeight - down);
  }).map(one => one.textContent);
}"""
"""What reaches into a margin of so many percent."""


@pytest.mark.parametrize(
    ("path", "percent"),
    [
        (GYM, 5),
        (SCHOOL, 10),
        *(
            pytest.param(path, percent, marks=pytest.mark.soak)
            for path, percent in ((GYM, 1), (GYM, 10), (SCHOOL, 1), (SCHOOL, 5))
        ),
    ],
)
def test_display_leaves_its_margin_empty(page: Page, wall: Wall, path: str, percent: int) -> None:
    """So much of the width and of the height is empty at each edge, and no more is cut than
    without.
    """
    wall.fill(busy(30, POOL))
    for width, height in SIZES[:3]:
        show(page, wall, path, width, height)
        assert page.evaluate(INSIDE, percent) or percent == 1
    for width, height in SIZES[:3]:
        show(page, wall, f"{path}?margin={percent}", width, height)
        assert (page.evaluate(INSIDE, percent), page.evaluate(CUT)) == ([], [])


CODE = """() => {
  const code = document.querySelector('.qr').getBoundingClientRect();
  const others = [...document.querySelectorAll('#display p, #display h1, #display section')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.left < code.right && box.right > code.left && box.top < code.bottom
      && box.bottom > code.top;
  }).map(one => one.textContent);
  const inside = code.left >= 0 && code.top >= 0 && code.right <= innerWidth && code.bottom <= innerHeight;
  return {others, inside, share: Math.min(code.width, code.height) / Math.min(innerWidth, innerHeight)};
}"""
"""What a QR code covers, and how large a part of the shorter side it takes."""


@pytest.mark.parametrize(
    ("path", "sizes"),
    [
        (SCHOOL, FEW_SIZES),
        *(
            pytest.param(path, SIZES, marks=pytest.mark.soak)
            for path in (SCHOOL, GYM, "/display/property/alone")
        ),
    ],
)
def test_display_has_room_for_its_code(
    page: Page, wall: Wall, path: str, sizes: list[tuple[int, int]]
) -> None:
    """A fifth of the shorter side, in a corner, and nothing is behind it or cut because of it."""
    wall.fill(busy(30, POOL))
    for width, height in sizes:
        show(page, wall, f"{path}?qr=1", width, height)
        found = page.evaluate(CODE)
        assert (found["others"], found["inside"], page.evaluate(CUT)) == ([], True, [])
        assert found["share"] > 0.21


def test_display_has_its_code_without_a_network(device: Page, wall: Wall) -> None:
    """It is part of the page, which fetches nothing for it, and is there after a restart."""
    asked: list[str] = []
    device.on("request", lambda request: asked.append(request.url))
    page = hang(device, wall, f"{GYM}?qr=1")
    wall.stop()
    page.reload()
    page.wait_for_function("document.documentElement.classList.contains('live')")
    expect(page.locator(".qr path")).to_have_count(2)
    assert [url for url in asked if not url.startswith(wall.address("/"))] == []
    assert [url for url in asked if "/qr/" in url] == []


def test_display_letters_grow_where_there_is_room(page: Page, wall: Wall) -> None:
    """Two entries are written larger than twenty."""
    size = "parseFloat(getComputedStyle(document.querySelector('.line .title')).fontSize)"
    sizes = []
    for entries in ([], busy(20, POOL)):
        wall.fill(entries)
        wall.clock.advance(60)
        page.goto(wall.address(SCHOOL))
        page.wait_for_function("document.documentElement.classList.contains('live')")
        sizes.append(page.evaluate(size))
    few, many = sizes
    assert few > 1.2 * many


@pytest.mark.parametrize(
    "path",
    [
        GYM,
        DISTRICT,
        pytest.param("/display/facility/long", marks=pytest.mark.soak),
        pytest.param("/display/property/alone", marks=pytest.mark.soak),
    ],
)
def test_display_is_accessible(page: Page, wall: Wall, path: str) -> None:
    """No violation of WCAG 2.1 A or AA, across and upright, dark and light, in both languages, with
    something off.
    """
    wall.call_off(entry(3, uid="gym0", event_id="e1", activity="Varsity"))
    for theme, language, width, height in (("dark", "en", 1920, 1080), ("light", "es", 1080, 1920)):
        show(page, wall, f"{path}?theme={theme}&lang={language}&qr=1", width, height)
        assert axe(page) == []


def test_display_without_a_board_is_accessible(page: Page, wall: Wall) -> None:
    """The page that waits for its data breaks no rule either."""
    page.goto(wall.address("/display/property/never"))
    assert axe(page) == []


def test_display_dims_in_the_schools_night(device: Page, wall: Wall) -> None:
    """From ten to six it is dark; the hours are the school's."""
    opacity = "getComputedStyle(document.querySelector('.dimmer')).opacity"
    page = hang(device, wall, f"{GYM}?dim=22-6")
    wall.stop()
    dimmed = []
    for hours in (9, 1.1, 7, 1):
        wait(page, wall, hours=hours)
        dimmed.append((slot(page, "clock"), page.evaluate(opacity)))
    assert dimmed == [("9:00 PM", "0"), ("10:06 PM", "0.8"), ("5:06 AM", "0.8"), ("6:06 AM", "0")]


def test_display_moves_a_little_every_minute(device: Page, wall: Wall) -> None:
    """Against burning in everything is moved by some pixels, in sixteen steps, never far."""
    page = hang(device, wall, GYM)
    wall.stop()
    places = []
    for _ in range(16):
        wait(page, wall, minutes=1)
        places.append(
            tuple(page.evaluate("(({left, top}) => [left, top])(display.getBoundingClientRect())"))
        )
    assert len(set(places)) == 16
    assert max(abs(offset) for place in places for offset in place) <= 4
