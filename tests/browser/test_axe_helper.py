"""The browser fixtures see what they are there to see, on pages made good and bad on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.chromium import Kind, Violation, axe
from tests.fixtures.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from playwright.sync_api import Page

    from tests.fixtures.chromium import OpenPage, Pages

SHELL = (
    '<!doctype html><html lang="en"><title>Gym</title><link rel="icon"'
    ' href="data:,"><body>{}</body></html>'
)
PAGES = {
    "/good": SHELL.format('<main><h1>Gym</h1><img src="data:," alt="The gym"></main>'),
    "/bad": SHELL.format('<main><h1>Gym</h1><img id="gym" src="data:,"></main>'),
    "/inline": SHELL.format("<main><h1>Gym</h1><script>document.title = 'x'</script></main>"),
    "/foreign": SHELL.format(
        '<main><h1>Gym</h1><iframe title="x" src="http://elsewhere.invalid/"></iframe></main>'
    ),
    "/throws": SHELL.format('<main><h1>Gym</h1><script src="throw.js"></script></main>'),
    "/throw.js": "throw new Error('from the script')",
}
STRICT = "default-src 'none'; img-src data:; script-src 'self'; frame-src *"


def _app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    kind = "text/javascript" if environ["PATH_INFO"].endswith(".js") else "text/html"
    headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Security-Policy", STRICT)]
    start_response("200 OK", headers)
    return [PAGES[environ["PATH_INFO"]].encode()]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address of the pages above, under a policy that allows no script but the site's own files."""
    with serving(_app) as address:
        yield address


def test_axe_finds_nothing_on_a_good_page(site: str, page: Page) -> None:
    """A page that breaks no rule gives an empty list, under the strictest policy."""
    page.goto(f"{site}/good")
    assert axe(page) == []


def test_axe_names_rule_and_element(site: str, page: Page) -> None:
    """A picture without a text alternative is told by rule and selector."""
    page.goto(f"{site}/bad")
    assert axe(page) == [Violation("image-alt", "Images must have alternative text", ("#gym",))]


def test_page_notes_blocked_script(site: str, page: Page, page_faults: list[str]) -> None:
    """What the Content-Security-Policy blocks is a fault of the page."""
    page.goto(f"{site}/inline")
    assert [fault.split(" violates")[0] for fault in page_faults] == [
        "console: Executing inline script"
    ]
    page_faults.clear()


def test_page_notes_thrown_error(site: str, page: Page, page_faults: list[str]) -> None:
    """An error that a script does not catch is a fault of the page."""
    page.goto(f"{site}/throws")
    assert page_faults == ["script: from the script"]
    page_faults.clear()


def test_page_notes_foreign_request(site: str, page: Page, page_faults: list[str]) -> None:
    """A request to any other host is a fault, and does not get out of the machine."""
    page.goto(f"{site}/foreign")
    assert page_faults[0] == "request: http://elsewhere.invalid/"
    page_faults.clear()


def test_open_page_takes_size_zone_and_no_javascript(site: str, open_page: OpenPage) -> None:
    """A phone in another zone without scripts is one call."""
    phone = open_page(width=360, height=640, timezone="Pacific/Honolulu", javascript=False)
    phone.goto(f"{site}/throws")
    assert phone.viewport_size == {"width": 360, "height": 640}
    assert phone.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "Pacific/Honolulu"


def test_page_keeps_nothing_of_an_earlier_test(
    site: str, pages: Pages, page_faults: list[str]
) -> None:
    """The next test gets the same page, without what it stored and what it pretended to be."""
    kind = Kind("America/Denver")
    first = pages.take(kind)
    first.goto(f"{site}/good")
    kept = (
        "[document.cookie, localStorage.length, matchMedia('(prefers-color-scheme: dark)').matches,"
        " matchMedia('print').matches]"
    )
    first.evaluate("document.cookie = 'a=b'; localStorage.setItem('a', 'b')")
    first.emulate_media(media="print", color_scheme="dark")
    first.route("**/good", lambda route: route.abort())
    assert first.evaluate(kept) == ["a=b", 1, True, True]
    with first.expect_popup() as opened:
        first.evaluate("open('/good') && undefined")
    opened.value.wait_for_load_state()
    pages.give_back(first, kind)
    assert first.url == "about:blank"
    second = pages.take(kind)
    assert (second, second.context.pages) == (first, [first])
    second.goto(f"{site}/good")
    assert second.evaluate(kept) == ["", 0, False, False]
    second.context.close()
    assert page_faults == []
