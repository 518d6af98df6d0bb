"""The pages that a display turns when not all is to be seen at once, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.wall import CUT, DISTRICT, SCHOOL, SMALLEST, Wall, busy, hang, slot, titles
from tests.samples import POOL, entry

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.fixtures.chromium import OpenPage

COLUMNS = """new Set([...document.querySelectorAll('[data-lines=today] .line')].map(
  one => one.getBoundingClientRect()).filter(box => box.width).map(box => Math.round(box.left))).size"""
UNHEADED = """() => {
  const seen = [...document.querySelectorAll('[data-lines=today] .line')].filter(one => one.offsetWidth);
  return seen.filter((one, index) => {
    const before = seen[index - 1];
    return !(before && before.getBoundingClientRect().left === one.getBoundingClientRect().left)
      && !one.querySelector('.school').offsetWidth;
  }).map(one => one.textContent);
}"""
"""Lines at the top of a column without the name of their school."""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outages")]


def test_display_turns_the_page_of_a_long_board(device: Page, wall: Wall) -> None:
    """Thirty-six things today: each is to be seen once while the pages turn, and which page it is
    stands below.
    """
    wall.fill(busy(36, POOL))
    page = hang(device, wall, SCHOOL)
    wall.stop()
    turned: dict[str, list[str]] = {}
    while slot(page, "page") not in turned:
        turned[slot(page, "page")] = titles(page)
        page.clock.run_for(12_000)
    pages = len(turned)
    assert pages > 3, turned
    first = int(next(iter(turned)).split()[0]) - 1
    assert list(turned) == [f"{(first + number) % pages + 1} of {pages}" for number in range(pages)]
    shown = [title for number in range(1, pages + 1) for title in turned[f"{number} of {pages}"]]
    assert sorted(shown) == sorted(
        ["Open Gym", "Practice: Varsity", *(f"Club {number}" for number in range(36))]
    )
    assert slot(page, "more") == ""


@pytest.mark.parametrize(
    ("path", "width", "height"),
    [
        (DISTRICT, 854, 480),
        (SCHOOL, 720, 1280),
        pytest.param(DISTRICT, 720, 1280, marks=pytest.mark.soak),
        pytest.param(DISTRICT, 1920, 1080, marks=pytest.mark.soak),
        pytest.param(SCHOOL, 854, 480, marks=pytest.mark.soak),
        pytest.param(SCHOOL, 1920, 1080, marks=pytest.mark.soak),
    ],
)
def test_display_shows_all_its_pages_within_a_minute(
    open_page: OpenPage, wall: Wall, path: str, width: int, height: int
) -> None:
    """However much there is, a round takes a minute: what is on and what comes soonest is shown,
    each school under its name, and how much is left out stands below.
    """
    wall.fill(busy(200, POOL, first=0.2, every=0.03))
    page = hang(open_page(width=width, height=height, clock=True), wall, path)
    wall.stop()
    every = page.evaluate(
        "[...document.querySelectorAll('[data-lines=today] .title')].map(one => one.textContent)"
    )
    shown: list[str] = []
    begun = slot(page, "page")
    for _ in range(5):
        shown += titles(page)
        if path == DISTRICT:
            expect(page.locator(".line:visible .school:visible").first).to_be_visible()
        page.clock.run_for(12_000)
    assert slot(page, "page") == begun
    assert begun.endswith("of 5")
    assert len(set(shown)) == len(shown) > 20
    assert slot(page, "more") == f"More today: {len(every) - len(shown)}"
    assert "Open Gym" in shown
    clubs = sorted(int(title.split()[1]) for title in shown if title.startswith("Club"))
    assert clubs == list(range(len(clubs)))


@pytest.mark.parametrize(
    ("width", "height", "language"),
    [(1280, 720, "en"), (1080, 1920, "es"), pytest.param(854, 480, "es", marks=pytest.mark.soak)],
)
def test_dense_display_shows_what_is_on_first(
    device: Page, wall: Wall, width: int, height: int, language: str
) -> None:
    """Forty things are on and a hundred come: in columns of smaller type everything that is on
    is shown within the minute, and of the rest what comes soonest.
    """
    wall.fill(
        [
            *busy(100, POOL, first=0.5, every=0.05),
            *(
                entry(
                    -1.5 + number / 100,
                    uid=f"on{number}",
                    facility=POOL,
                    event_id=f"on{number}",
                    name=f"Class {number}",
                )
                for number in range(40)
            ),
        ]
    )
    device.set_viewport_size({"width": width, "height": height})
    page = hang(device, wall, f"{DISTRICT}?lang={language}")
    wall.stop()
    shown: list[str] = []
    for _ in range(5):
        shown += titles(page)
        assert (page.evaluate(CUT), page.evaluate(UNHEADED)) == ([], [])
        page.clock.run_for(12_000)
    clubs = sorted(int(title.split()[1]) for title in shown if title.startswith("Club"))
    assert {f"Class {number}" for number in range(40)} <= set(shown)
    assert clubs == list(range(len(clubs)))
    assert len(shown) == len(set(shown)) >= 80
    assert page.evaluate(COLUMNS) == (2 if height > width else 3)
    assert page.evaluate(SMALLEST) >= 0.0279 * min(width, height)


def test_display_of_a_large_district_says_how_much_it_leaves_out(device: Page, wall: Wall) -> None:
    """More is on at once than its data hold: what it shows and what it leaves out are all of it."""
    wall.fill([entry(-1, uid=f"on{n}", facility=POOL, event_id=f"on{n}") for n in range(430)])
    device.set_viewport_size({"width": 1280, "height": 720})
    page = hang(device, wall, SCHOOL)
    wall.stop()
    shown = 0
    for _ in range(5):
        shown += len(titles(page))
        page.clock.run_for(12_000)
    assert shown > 80
    assert slot(page, "more") == f"More today: {430 + 2 - shown}"


def test_display_pages_are_about_as_full(device: Page, wall: Wall) -> None:
    """What does not fit on one page is spread over them: none has only a rest."""
    device.set_viewport_size({"width": 854, "height": 480})
    wall.fill(busy(12, POOL))
    page = hang(device, wall, SCHOOL)
    wall.stop()
    counts: dict[str, int] = {}
    while slot(page, "page") not in counts:
        counts[slot(page, "page")] = len(titles(page))
        page.clock.run_for(12_000)
    assert sum(counts.values()) == 14
    assert max(counts.values()) - min(counts.values()) <= 1
