"""How soon a slow device sees something: first contentful paint under a CPU slowed down six times,
and what is sent.

The bound is issue 5's: one second and 30 KB compressed for directory, school, facility and embedded
list, 40 KB for a display. Beside each stands a page of one line from the same server, since the
machine's speed drifts: where that alone takes a third of the second, others are using the machine,
and only the ratio says anything.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.chromium import chromium
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, Clock, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SLOWER = 6
ROUNDS = 5
PAINTED = """() => new Promise(done => new PerformanceObserver((list, watcher) => {
  const first = list.getEntriesByName('first-contentful-paint')[0];
  if (first) { watcher.disconnect(); done(first.startTime); }
}).observe({type: 'paint', buffered: true}))"""
SENT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .filter(each => !each.name.includes('/sw.js'))
  .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
REFERENCE = "/healthz"
PAGES = {
    "directory": ("/", 30),
    "school": ("/property/school", 30),
    "school by week": ("/property/school?view=week", 30),
    "facility": ("/facility/gym", 30),
    "embedded list": ("/embed/property/school", 30),
    "display": ("/display/facility/gym", 40),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP."""
    folder: Path = tmp_path_factory.mktemp("paint")
    store = filled_store(folder)
    with serving(create_app(PUBLIC, store, clock=Clock())) as served:
        yield served
    store.close()


def slow_page(browser: Browser) -> Page:
    """Open a page with nothing in its cache, on a phone with a slow processor."""
    page = browser.new_context(viewport={"width": 360, "height": 640}).new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return page


def paint(browser: Browser, address: str) -> tuple[float, int]:
    """Return after how many milliseconds a page first shows something, and how many octets it took."""
    page = slow_page(browser)
    page.goto(address, wait_until="load")
    found = page.evaluate(PAINTED), page.evaluate(SENT)
    page.context.close()
    return found


@pytest.mark.parametrize(("path", "most"), PAGES.values(), ids=PAGES.keys())
def test_first_paint_of_a_slow_device(browser: Browser, address: str, path: str, most: int) -> None:
    """At most a second on the median, or on a machine in use a few times what one line takes; and
    light.
    """
    paint(browser, address + path)
    ours, plain, sent = [], [], 0
    for _ in range(ROUNDS):
        milliseconds, sent = paint(browser, address + path)
        ours.append(milliseconds)
        plain.append(paint(browser, address + REFERENCE)[0])
    print(
        f"\n{path}: first paint after {median(ours):.0f} ms, a page of one line {median(plain):.0f}"
        f" ms; {sent / 1024:.1f} KB sent"
    )
    assert sent <= most * 1024
    assert median(ours) <= max(1000, 4 * median(plain))
