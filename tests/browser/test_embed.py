"""Embedded calendars in a real browser, in the pages of another origin: they fit, and are read by
everybody.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import requests
from flask import Flask, Response, request
from playwright.sync_api import expect

from icalbridge.web import create_app
from tests.fixtures.serving import serving
from tests.web_world import HOSTILE, PRIVATE, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Frame, Page, Route

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser

COMPLETE = "document.readyState === 'complete'"
FITS = "height => document.querySelector('iframe').clientHeight === height"
FITS_ONE = "([n, height]) => document.querySelectorAll('iframe')[n].clientHeight === height"
SCRIPTS = [
    '<script src="{address}/embed.js"></script>',
    '<script type="module" src="{address}/embed.js"></script>',
    "<script>setTimeout(function () {{ var others = {{}}\n{text} }})</script>",
]
WATCH = """() => {
  const frame = document.querySelector('iframe');
  window.heights = [];
  new MutationObserver(() => heights.push(frame.style.height)).observe(frame, { attributeFilter: ['style'] });
}"""
CONTENT = "() => Math.ceil(document.documentElement.getBoundingClientRect().height)"


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP, at the address of this server."""
    with serving(create_app(PRIVATE, filled, clock=Clock())) as served:
        yield served


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """A school's own site, on another port: a page with whatever is pasted into it."""
    app = Flask("host")

    @app.get("/")
    def page() -> Response:
        pasted = request.args.get("pasted", "")
        return Response(
            "<!doctype html><html lang=en><link rel=icon href=data:,><title>Our school</title>"
            f"<body style='margin:0'>{pasted}",
            content_type="text/html",
        )

    with serving(app) as served:
        yield served


def framed(page: Page, host: str, pasted: str) -> Frame:
    """Open a page of the school's own site with something pasted into it; return the first frame in
    it.
    """
    page.goto(f"{host}/?{urlencode({'pasted': pasted})}")
    frame = page.frames[1]
    frame.wait_for_url(lambda url: url != "about:blank")
    frame.wait_for_function(COMPLETE)
    return frame


def snippet(address: str, query: str) -> str:
    """Return what the builder says to paste."""
    found = re.search(
        r"<textarea[^>]*>\s*(.*?)</textarea>",
        requests.get(f"{address}/embed?{query}", timeout=60).text,
        re.DOTALL,
    )
    assert found is not None
    return unescape(found[1])


@pytest.mark.parametrize(
    ("view", "width"),
    [
        ("list", 320),
        ("month", 1200),
        *(
            pytest.param(view, width, marks=pytest.mark.soak)
            for view, width in (("list", 1200), ("month", 320), ("week", 320), ("week", 1200))
        ),
    ],
)
def test_embed_is_as_high_as_what_it_shows(
    open_page: OpenPage, address: str, host: str, view: str, width: int
) -> None:
    """What the builder says to paste fits in another origin's page by itself, also when another
    month is turned to.
    """
    page = open_page(width=width)
    frame = framed(page, host, snippet(address, f"feed=property:school&view={view}"))
    expect(frame.get_by_role("heading", level=1)).to_have_text("Lincoln High")
    page.wait_for_function(FITS, arg=frame.evaluate(CONTENT))
    assert frame.evaluate("document.documentElement.scrollWidth") == width
    if view != "list":
        frame.get_by_role("link", name="Earlier").click()
        expect(frame.get_by_role("link", name="Today")).to_be_visible()
        frame.wait_for_function(COMPLETE)
        page.wait_for_function(FITS, arg=frame.evaluate(CONTENT))


def test_embed_shows_the_theme_and_the_accent_of_its_address(
    page: Page, address: str, host: str
) -> None:
    """They are those of the snippet, whatever the reader's device says."""
    page.emulate_media(color_scheme="light")
    frame = framed(
        page, host, snippet(address, "feed=facility:gym&theme=dark&accent=%23ff9900&speak=es")
    )
    style = "selector => getComputedStyle(document.querySelector(selector))"
    assert frame.evaluate(f"({style})('html').backgroundColor") == "rgb(22, 29, 37)"
    assert frame.evaluate(f"({style})('footer a').color") == "rgb(255, 153, 0)"
    assert frame.evaluate("document.documentElement.lang") == "es"


def test_embed_works_without_javascript(open_page: OpenPage, address: str, host: str) -> None:
    """Without any script the frame keeps the height of its snippet and tells all the same, also
    other weeks.
    """
    page = open_page(javascript=False)
    frame = framed(page, host, snippet(address, "feed=property:school&view=week"))
    frame.get_by_role("link", name="Later").click()
    expect(frame.get_by_role("heading", name="Nov 22 – 28, 2026")).to_be_visible()
    expect(frame.get_by_text("Practice: Varsity").first).to_be_visible()
    assert page.locator("iframe").bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 640}


def test_embed_is_turned_by_keyboard(page: Page, address: str, host: str) -> None:
    """Tab leads into the frame, every stop is seen there, and Enter turns to another week."""
    frame = framed(page, host, snippet(address, "feed=property:school&view=week"))
    stops: list[str] = []
    while "Later" not in "".join(stops[-1:]) and len(stops) < 20:
        page.keyboard.press("Tab")
        stop, outline = frame.evaluate(
            "() => [document.activeElement.innerText, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", stop
        stops.append(stop)
    assert stops == ["Lincoln High", "‹ Earlier", "Later ›"]
    page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="Nov 22 – 28, 2026")).to_be_visible()


def test_embed_opens_its_links_elsewhere(page: Page, address: str, host: str) -> None:
    """A click never loads a page into the frame that refuses to be there."""
    frame = framed(page, host, snippet(address, "feed=facility:gym"))
    with page.expect_popup() as opening:
        frame.get_by_role("link", name="Whole calendar, and how to subscribe").click()
    expect(opening.value.get_by_role("heading", level=1)).to_have_text("Main Gym")
    assert frame.url == f"{address}/embed/facility/gym"


@pytest.mark.parametrize(
    "path",
    [
        "/property/school",
        *(
            pytest.param(path, marks=pytest.mark.soak)
            for path in ("/", "/poster/facility/gym", "/embed")
        ),
    ],
)
def test_other_pages_refuse_to_be_framed(
    page: Page, address: str, host: str, page_faults: list[str], path: str
) -> None:
    """Only embedded calendars and displays show in a frame; the browser refuses any other page."""
    frame = framed(page, host, f'<iframe src="{address}{path}"></iframe>')
    assert frame.evaluate("document.body.innerText").find("Lincoln") == -1
    assert [each for each in page_faults if "frame-ancestors 'none'" in each] == page_faults != []
    page_faults.clear()


def test_display_shows_in_a_frame(page: Page, address: str, host: str) -> None:
    """Players of signage systems show pages in frames, sandboxed ones among them; there too it asks."""
    path = f"{address}/display/facility/gym"
    for sandbox in ("", ' sandbox="allow-scripts"'):
        with page.expect_response(lambda answer: answer.url == f"{path}.json" and answer.ok):
            frame = framed(page, host, f'<iframe src="{path}"{sandbox}></iframe>')
        frame.wait_for_function("document.documentElement.classList.contains('live')")
        expect(frame.get_by_role("heading", level=1)).to_have_text("Main Gym")


def test_embed_script_listens_to_our_frames_only(page: Page, address: str, host: str) -> None:
    """A height from anybody else, or one that is no height, changes nothing; that of our page does."""
    frame = framed(page, host, snippet(address, "feed=facility:gym"))
    page.wait_for_function(FITS, arg=frame.evaluate(CONTENT))
    page.evaluate(WATCH)
    page.evaluate("postMessage({type: 'icalbridge:height', height: 11}, '*')")
    for wrong in ("'12'", "-1", "NaN", "1e9", "null"):
        frame.evaluate(f"parent.postMessage({{type: 'icalbridge:height', height: {wrong}}}, '*')")
    frame.evaluate("document.body.style.paddingBottom = '300px'")
    height = frame.evaluate(CONTENT)
    page.wait_for_function(FITS, arg=height)
    assert set(page.evaluate("heights")) == {f"{height}px"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_embed_script_fits_each_frame_however_it_is_loaded(
    page: Page, address: str, host: str, script: str
) -> None:
    """As a module and in a combined file it has no address of its own, and there a script before it
    may lack its last semicolon; a sandboxed frame has the origin `null`. The source of the message
    names the frame.
    """
    text = page.request.get(f"{address}/embed.js").text()
    frames = (
        f'<iframe src="{address}/embed/property/school?view=month" sandbox="allow-scripts"></iframe>'
        f'<iframe src="{address}/embed/facility/gym?days=1"></iframe>'
        f'<iframe src="{host}/?pasted=another"></iframe>'
    )
    framed(page, host, script.format(address=address, text=text) + frames)
    month, gym, _ = page.frames[1:]
    for number, frame in enumerate((month, gym)):
        expect(frame.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_function(FITS_ONE, arg=[number, frame.evaluate(CONTENT)])
    assert page.locator("iframe").nth(2).get_attribute("style") is None


def test_embed_shows_in_a_page_that_is_a_file(page: Page, address: str, tmp_path: Path) -> None:
    """As in a player of a signage system: its page has the address of a file."""
    player = tmp_path / "player.html"
    player.write_text(
        f"<!doctype html><title>Player</title>{snippet(address, 'feed=facility:gym')}"
    )
    page.goto(player.as_uri())
    frame = page.frames[1]
    expect(frame.get_by_role("heading", level=1)).to_have_text("Main Gym, Lincoln High")
    frame.wait_for_load_state("load")  # its height is final once its style is there
    page.wait_for_function(FITS, arg=frame.evaluate(CONTENT))


def test_display_shows_in_a_page_that_is_a_file(page: Page, address: str, tmp_path: Path) -> None:
    """There it asks for its data, too."""
    path = f"{address}/display/facility/gym"
    player = tmp_path / "player.html"
    player.write_text(f'<!doctype html><title>Player</title><iframe src="{path}"></iframe>')
    with page.expect_response(lambda answer: answer.url == f"{path}.json" and answer.ok):
        page.goto(player.as_uri())
    page.frames[1].wait_for_function("document.documentElement.classList.contains('live')")


@pytest.mark.parametrize(
    "query",
    [
        "?theme=dark&accent=ffcc00",
        "?theme=auto&accent=ffcc00",
        pytest.param("", marks=pytest.mark.soak),
    ],
)
def test_embed_is_light_on_paper(page: Page, address: str, query: str) -> None:
    """Whatever the theme and the reader's device; the accent is the one of light ground."""
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(f"{address}/embed/facility/gym{query}")
    style = "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"
    assert page.evaluate(style, ["html", "backgroundColor"]) == "rgb(255, 255, 255)"
    assert page.evaluate(style, ["html", "color"]) == "rgb(27, 36, 48)"
    assert page.evaluate(style, ["footer a", "color"]) != "rgb(255, 204, 0)"


def test_embed_shows_hostile_names_as_text(page: Page, address: str, host: str) -> None:
    """A name made of markup is read like any other, in the frame and in the page that it was pasted
    into.
    """
    frame = framed(page, host, snippet(address, "feed=property:odd"))
    expect(frame.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(frame.locator("img")).to_have_count(0)
    expect(page.locator("iframe")).to_have_attribute("title", f"Calendar of {HOSTILE}")
    expect(page.locator("img, script:not([src])")).to_have_count(0)


def test_embed_builder_shows_what_it_makes(page: Page, address: str) -> None:
    """The snippet and its preview follow the form; the preview is never higher than 480 pixels."""
    page.goto(f"{address}/embed")
    page.get_by_label("District, school or facility").select_option("Lincoln High (Sunnyvale)")
    page.get_by_label("Show", exact=True).select_option("A month")
    page.get_by_label("Main Gym").check()
    expect(page.get_by_label("Paste this into your page")).to_have_value(
        f'<iframe src="{address}/embed/property/school?view=month&amp;facility=gym" title="Calendar'
        ' of Lincoln High" width="100%" height="760" frameborder="0" loading="lazy"><a'
        f' href="{address}/property/school">Calendar of Lincoln High</a></iframe>\n<script'
        f' src="{address}/embed.js" async></script>'
    )
    expect(
        page.frame_locator("iframe").get_by_role("heading", name="November 2026")
    ).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').style.height")
    page.wait_for_function(
        "document.querySelector('iframe').getBoundingClientRect().height === 480"
    )


@pytest.mark.parametrize("javascript", [True, False])
def test_editor_finds_the_snippet_without_scrolling(
    open_page: OpenPage, address: str, javascript: bool
) -> None:
    """At 1024 × 768, for a facility chosen from the same list as its school."""
    page = open_page(width=1024, height=768, javascript=javascript)
    page.goto(f"{address}/embed")
    page.get_by_label("District, school or facility").select_option("Main Gym (Gymnasium)")
    if not javascript:
        page.get_by_role("button", name="Choose").click()
    field = page.get_by_label("Paste this into your page")
    expect(field).to_have_value(re.compile(r'^<iframe src="[^"]*/embed/facility/gym"'))
    page.wait_for_load_state()
    expect(field).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0 or not javascript
    box = field.bounding_box()
    assert box is not None
    assert box["y"] > 0
    assert box["y"] + box["height"] < 768
    picked = page.get_by_label("District, school or facility").locator("option:checked")
    expect(picked).to_have_text("Main Gym (Gymnasium)")


def test_embed_builder_takes_a_color_from_its_picker(page: Page, address: str) -> None:
    """The text field is what is sent; each field shows the other's color."""
    page.goto(f"{address}/embed?feed=facility:gym")
    text, picker = page.get_by_label("Your color", exact=True), page.get_by_label("Pick your color")
    expect(picker).to_have_value("#0b5c6b")
    picker.fill("#b3001b")
    expect(text).to_have_value("#b3001b")
    expect(page.get_by_label("Paste this into your page")).to_have_value(
        re.compile("accent=b3001b")
    )
    text.fill("00aaFF")
    expect(picker).to_have_value("#00aaff")


def test_embed_builder_takes_what_was_filled_in_before_its_script(page: Page, address: str) -> None:
    """On a slow line people choose before the script is there; nothing of it is lost."""
    late: list[Route] = []
    page.route("**/build.js*", lambda route: late.append(route))
    with page.expect_request("**/build.js*"):
        page.goto(f"{address}/embed?feed=facility:gym", wait_until="commit")
    page.get_by_label("Show", exact=True).select_option("A week")
    late[0].continue_()
    snippet = page.get_by_label("Paste this into your page")
    expect(snippet).to_have_value(re.compile("view=week"))
