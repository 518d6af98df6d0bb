"""How a page is looked at, everywhere alike: at every width that counts, light and dark, in both
languages.

One page is opened once for each language and resized, which costs a fraction of opening it anew.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from tests.fixtures.chromium import axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTHS = (320, 360, 640, 1024, 1920)
"""In pixels of CSS: 320 are 1,280 at 400 % (WCAG 1.4.10), 640 are 1,280 at 200 % (WCAG 1.4.4)."""
Looks = tuple[str, int, Literal["light", "dark"]]
LOOKS: tuple[Looks, ...] = (
    ("en", 360, "light"),
    ("en", 1024, "dark"),
    ("es", 1920, "light"),
    ("es", 320, "dark"),
)
"""Which of these axe sees: each language in each scheme, across sizes."""
UNFOLD = """() => {
  document.querySelectorAll('details').forEach(one => { one.open = true });
  return [...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]));
}"""
"""Unfolds everything and returns the levels of its headings."""
OVERFLOW = "document.documentElement.scrollWidth"


def look_at(
    page: Page, address: str, *, widths: tuple[int, ...] = WIDTHS, looks: tuple[Looks, ...] = LOOKS
) -> None:
    """Open an address, unfold all of it, and assert that nothing scrolls sideways and axe objects
    to nothing.

    Headings begin with the one first, and none skips a level, so that a screen reader's outline is
    true; only the sentences in a frame have none. Answers of 400, 404 and 503 are for the caller to
    forgive: see `forgive`.
    """
    told = ""
    for language, width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        if language != told:
            told = language
            page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
            levels = page.evaluate(UNFOLD)
            assert levels[:1] == [1] or not levels, levels
            assert levels.count(1) <= 1, levels
            assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), levels
            for each in (*(other for other in widths if other != width), width):
                page.set_viewport_size({"width": each, "height": 800})
                assert page.evaluate(OVERFLOW) <= each, (language, each)
        assert axe(page) == [], (language, width, scheme)


def forgive(page_faults: list[str]) -> None:
    """Drop the browser's own notes of answers that a test asks for: refused, not there, not fetched
    yet.
    """
    page_faults[:] = [
        fault
        for fault in page_faults
        if not any(f"status of {status}" in fault for status in (400, 404, 503))
    ]
