"""The documentation's pictures: photographs each page and state in Chromium (`make screenshots`).

Most are pages of `icalbridge demo`, on an afternoon on which much is booked; states that it never
comes to are those of `web_world`. Needs a C compiler, for `shifted_clock`.
"""

from __future__ import annotations

import re
import signal
import struct
import subprocess
import sys
import tempfile
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from icalbridge.models import Changes
from icalbridge.web import create_app
from tests.at_hours import shifted_clock
from tests.fixtures.chromium import chromium
from tests.fixtures.commands import answer, free_port, running, until
from tests.fixtures.serving import serving
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, Clock, filled_store, sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent / "screenshots"
MOMENT = datetime(2027, 1, 21, 0, 40, tzinfo=UTC)
"""A Wednesday, 4:40 PM in the demo's zone."""
GYM = re.compile(r"A gym's page +(\S+)")
SCHOOL = "[...document.querySelectorAll('.crumbs a')].pop().getAttribute('href')"
FIRST_PAGE = """() => document.documentElement.classList.contains('live')
  && /^(1 |$)/.test(document.querySelector('[data-slot=page]').textContent)"""
"""Whether a display has drawn itself, and shows the first of its pages."""
REDUCE = """async ([encoded]) => {
  const octets = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([octets]));
  const pen = new OffscreenCanvas(image.width, image.height).getContext('2d');
  pen.drawImage(image, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([pixel]) => pixel);
  const parts = (pixel) => [pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255];
  const colors = palette.map(parts);
  const indexes = new Map(palette.map((pixel, index) => [pixel, index]));
  function nearest(pixel) {
    const [red, green, blue] = parts(pixel);
    const far = colors.map(([r, g, b]) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2);
    indexes.set(pixel, far.indexOf(Math.min(...far)));
    return indexes.get(pixel);
  }
  let reduced = '';
  for (const pixel of pixels) reduced += String.fromCharCode(indexes.get(pixel) ?? nearest(pixel));
  return {width: image.width, height: image.height, colors: colors.flat(), indexes: btoa(reduced)};
}"""
"""The 256 commonest colors of a picture, and for each of its pixels the index of the nearest one."""


class Shot(NamedTuple):
    """One picture."""

    path: str
    """Below the address of the server; names in braces are paths of pages."""
    width: int = 1280
    height: int = 900
    dark: bool = False
    paper: bool = False
    """Whether it is as printed on Letter, without its margins."""
    press: str = ""
    """Selector of what is pressed before."""


LETTER = (988, 748)
DEMO = {
    "directory": Shot("/", 1100),
    "directory-phone": Shot("/", 390, 800),
    "search": Shot("/?q=volleyball", 1100),
    "name": Shot("{name}"),
    "search-nothing": Shot("/?q=curling", 1100, 500),
    "district": Shot("{district}"),
    "school": Shot("{school}"),
    "school-phone": Shot("{school}", 390, 800),
    "school-week": Shot("{school}?view=week", height=1000),
    "school-list": Shot("{school}?view=list"),
    "facility": Shot("{gym}", height=1340),
    "facility-dark": Shot("{gym}", dark=True),
    "facility-spanish": Shot("{gym}?lang=es"),
    "facility-day": Shot("{gym}?view=day", height=1340),
    "facility-month": Shot("{gym}?view=month", height=1100),
    "facility-list": Shot("{gym}?view=list"),
    "facility-filtered": Shot("{gym}?view=list&q=volleyball", height=700),
    "facility-phone": Shot("{gym}", 390, 800),
    "subscribe": Shot("{gym}", 390, 1000, press=".subscribing > summary"),
    "booking": Shot("{booking}", 1100, 760),
    "free": Shot("/free?from=18:00&to=20:00&type=gymnasium", 1100),
    "free-nothing": Shot("/free?from=18:00&to=20:00&capacity=9000", 1100, 600),
    "builder": Shot("/build?feed={school_feed}"),
    "embed-maker": Shot("/embed?feed={school_feed}", 1024, 768),
    "embed": Shot("/embed{school}?view=month", 1100, 760),
    "embed-week": Shot("/embed{gym}?view=week", 1100, 360),
    "embed-list": Shot("/embed{gym}?theme=dark&accent=ffb000", 720, 640),
    "embed-phone": Shot("/embed{gym}?view=week", 360, 640),
    "status": Shot("/status", 1100),
    "api": Shot("/api/v1/", 1100),
    "not-found": Shot("/facility/unknown", 1100, 420),
    "refused": Shot("{gym}?view=year", 1100, 420),
    "display": Shot("/display{gym}", 1280, 720),
    "display-portrait": Shot("/display{school}", 720, 1280),
    "display-district": Shot("/display{district}", 1280, 720),
    "display-code": Shot("/display{school}?theme=light&qr=1&margin=5", 1280, 720),
    "paper-school": Shot("{school}?view=week", *LETTER, paper=True),
    "paper-gym": Shot("{gym}?view=week", *LETTER, paper=True),
    "paper-month": Shot("{gym}?view=month", *LETTER, paper=True),
    "poster": Shot("/poster{gym}", 850, 1150),
}
WORLD = {
    "facility-empty": Shot("/facility/nameless", height=620),
    "booking-canceled": Shot("/booking/gym0", 1100, 620),
    "waiting": Shot("/property/never", 1100, 420),
    "embed-empty": Shot("/embed/facility/nameless", 720, 260),
    "display-free": Shot("/display/facility/pool", 1280, 720),
    "display-empty": Shot("/display/property/alone", 1280, 720),
    "display-waiting": Shot("/display/property/never", 1280, 720),
}
OLD = {"display-old": Shot("/display/facility/gym", 854, 480)}
"""Twenty minutes after the data were fetched."""
SHOTS = {**DEMO, **WORLD, **OLD}


def main() -> None:
    """Photograph each page once."""
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        _photograph_world(browser)
        base = f"http://127.0.0.1:{free_port()}"
        with running("demo", "--port", base.rpartition(":")[2]) as demo:
            until(partial(answer, f"{base}/readyz"), "readiness")
            assert demo.stdout
            gym = next(found[1] for line in demo.stdout if (found := GYM.search(line)))
            _photograph(browser, base, DEMO, _paths(browser, base, urlsplit(gym).path))
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)


def _photograph_world(browser: Browser) -> None:
    """Photograph what the demo never comes to, at noon on a Saturday."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = filled_store(Path(folder))
        was = entry(3, uid="gym0", event_id="e1", activity="Varsity")
        gone = replace(was, sequence=1, modified=NOW, withdrawn=NOW, cancelled=NOW)
        sync(store, "school", Changes(withdrawn=(gone,)))
        with serving(create_app(PUBLIC, store, clock=clock)) as base:
            _photograph(browser, base, WORLD, {})
            clock.advance(20 * 60)
            _photograph(browser, base, OLD, {})
        store.close()


def _paths(browser: Browser, base: str, gym: str) -> dict[str, str]:
    """Return the paths of the demo's pages that have ids."""
    page = browser.new_page(timezone_id="America/Los_Angeles")
    page.goto(base + gym)
    school = page.evaluate(SCHOOL)
    booking = page.locator(".item a[href^='/booking/']").first.get_attribute("href")
    page.goto(base)
    district = page.locator(".district h2 a").first.get_attribute("href")
    page.goto(f"{base}/?q=volleyball")
    name = page.locator(".names a").first.get_attribute("href")
    page.close()
    feed = school.strip("/").replace("/", ":")
    return {
        "gym": gym,
        "school": school,
        "school_feed": feed,
        "district": district or "",
        "booking": booking or "",
        "name": name or "",
    }


def _photograph(
    browser: Browser, base: str, shots: Mapping[str, Shot], paths: Mapping[str, str]
) -> None:
    blank = browser.new_page()
    for name, shot in shots.items():
        page = browser.new_page(
            viewport={"width": shot.width, "height": shot.height},
            color_scheme="dark" if shot.dark else "light",
            timezone_id="America/Los_Angeles",
        )
        if shot.paper:
            page.emulate_media(media="print")
        page.goto(base + shot.path.format(**paths))
        if shot.press:
            page.locator(shot.press).click()
        if "-waiting" not in name and shot.path.startswith("/display"):
            page.wait_for_function(FIRST_PAGE, timeout=70_000)
        (FOLDER / f"{name}.png").write_bytes(_reduce(blank, page.screenshot()))
        page.close()
    blank.close()


def _reduce(page: Page, picture: bytes) -> bytes:
    """Return a PNG with at most 256 colors: a third of the size, and to the eye the same."""
    reduced: dict[str, Any] = page.evaluate(REDUCE, [b64encode(picture).decode()])
    width, height = reduced["width"], reduced["height"]
    indexes = b64decode(reduced["indexes"])
    rows = (b"\0" + indexes[start : start + width] for start in range(0, len(indexes), width))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": bytes(reduced["colors"]),
        b"IDAT": zlib.compress(b"".join(rows), 9),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


if __name__ == "__main__":
    if "--shifted" in sys.argv:
        main()
    else:
        with shifted_clock(MOMENT) as environment:
            command = [sys.executable, "-m", "tests.screenshots", "--shifted"]
            subprocess.run(command, env=environment, check=True)
