"""The README's pictures: photographs the pages of `icalbridge demo` in Chromium, on an afternoon on
which much is booked (`make screenshots`). Needs a C compiler, for `shifted_clock`.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tests.at_hours import shifted_clock
from tests.fixtures.chromium import chromium
from tests.fixtures.commands import answer, free_port, running, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parent / "screenshots"
MOMENT = datetime(2027, 1, 21, 0, 40, tzinfo=UTC)
"""A Wednesday, 4:40 PM in the demo's zone."""
GYM = re.compile(r"A gym's page +(\S+)")
BOOKING = "[...document.querySelectorAll('a[href^=\"/booking/\"]')].pop().getAttribute('href')"
SCHOOL = "[...document.querySelectorAll('.crumbs a')].pop().getAttribute('href')"


class Shot(NamedTuple):
    """One picture."""

    path: str
    """Below the address of the demo; `{gym}` and `{school}` are paths of pages."""
    width: int = 1100
    height: int = 900
    live: bool = False
    """Whether it is a display, which draws itself."""


SHOTS = {
    "directory": Shot("/"),
    "school": Shot("{school}", 1280),
    "school-week": Shot("{school}?view=week", 1280, 1000),
    "facility": Shot("{gym}", 1280),
    "facility-phone": Shot("{gym}", 390, 800),
    "facility-month": Shot("{gym}?view=month", 1280, 1100),
    "district": Shot("{district}", 1280),
    "search": Shot("/?q=volleyball"),
    "name": Shot("{name}"),
    "booking": Shot("{booking}", height=1000),
    "status": Shot("/status", height=1000),
    "free": Shot("/free?from=18:00&to=20:00&type=gymnasium"),
    "builder": Shot("/build?feed={school_feed}", 1280),
    "embed-maker": Shot("/embed?feed={school_feed}", 1024, 768),
    "embed": Shot("/embed{school}?view=month", height=760),
    "display": Shot("/display{gym}", 1280, 720, live=True),
    "display-portrait": Shot("/display{school}", 720, 1280, live=True),
    "poster": Shot("/poster{gym}", 850, 1150),
}


def main() -> None:
    """Photograph each page once."""
    FOLDER.mkdir(exist_ok=True)
    base = f"http://127.0.0.1:{free_port()}"
    with running("demo", "--port", base.rpartition(":")[2]) as demo, chromium() as browser:
        until(partial(answer, f"{base}/readyz"), "readiness")
        assert demo.stdout
        gym = next(found[1] for line in demo.stdout if (found := GYM.search(line)))
        _photograph(browser, base, urlsplit(gym).path)
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)


def _photograph(browser: Browser, base: str, gym: str) -> None:
    page = browser.new_page(timezone_id="America/Los_Angeles")
    page.goto(base + gym)
    school = page.evaluate(SCHOOL)
    booking = page.evaluate(BOOKING)
    page.goto(base + "/?q=volleyball")
    name = page.locator(".names a").first.get_attribute("href")
    page.goto(base)
    paths = {
        "booking": booking,
        "name": name,
        "gym": gym,
        "school": school,
        "school_feed": school.strip("/").replace("/", ":"),
        "district": page.locator(".district h2 a").first.get_attribute("href"),
    }
    for name, shot in SHOTS.items():
        page.set_viewport_size({"width": shot.width, "height": shot.height})
        page.goto(base + shot.path.format(**paths))
        if shot.live:
            page.wait_for_function("document.documentElement.classList.contains('live')")
        page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    if "--shifted" in sys.argv:
        main()
    else:
        with shifted_clock(MOMENT) as environment:
            command = [sys.executable, "-m", "tests.screenshots", "--shifted"]
            subprocess.run(command, env=environment, check=True)
