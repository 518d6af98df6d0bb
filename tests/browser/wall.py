"""A display on a wall, for its tests: a server that can be switched off, a store, and a browser
whose clock we turn.

The server's clock and the device's are two: the tests turn both, or make them disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import requests
from werkzeug.serving import make_server

from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Changes
from icalbridge.web import create_app
from icalbridge.web.static_files import FOLDER, Assets
from tests.fixtures.commands import until
from tests.fixtures.serving import listen
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, Clock, added, filled_store, sync

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from playwright.sync_api import Page
    from werkzeug.serving import BaseWSGIServer

    from icalbridge.models import Entry, Facility
    from icalbridge.store import Store

GYM = "/display/facility/gym"
DISTRICT = "/display/property/district"
SCHOOL = "/display/property/school"
SEEN = """text => {
  const page = text ? new DOMParser().parseFromString(text, 'text/html') : document;
  const texts = (selector, name) => Object.fromEntries([...page.querySelectorAll(selector)].map(
    one => [one.getAttribute(name), one.textContent.trim()]));
  const fields = line => [...line.querySelectorAll('[data-field]')].map(one => one.textContent.slice(0, 50));
  const lists = [...page.querySelectorAll('#display [data-lines]')];
  return {
    state: page.body.className,
    slots: texts('#display [data-slot]:not([data-slot=page]):not([data-slot=more])', 'data-slot'),
    lines: Object.fromEntries(lists.map(
      list => [list.getAttribute('data-lines'), [...list.children].map(line => [line.className, ...fields(line)])])),
    hidden: lists.map(list => list.closest('[hidden]') !== null),
  };
}"""
"""Everything that a display says, whether a page of it is turned to or not. How much of a long title
is shown depends on the room for it.
"""

CUT = """() => [...document.querySelectorAll('#display .title, #display .when')].filter(one => {
  const box = one.getBoundingClientRect();
  const foot = document.querySelector('footer').getBoundingClientRect();
  return box.width && (one.scrollHeight > one.clientHeight + 2 || one.scrollWidth > one.clientWidth + 2
    || box.bottom > foot.top + 1);
}).map(one => one.textContent)"""
"""What is seen and not whole."""
SMALLEST = """Math.min(...[...document.querySelectorAll('#display .title, #display .start')].map(
  one => parseFloat(getComputedStyle(one).fontSize)))"""
"""The size of the smallest letters that matter."""
READY = """Promise.all(
  [location.href, document.querySelector('link[rel=stylesheet]').href, document.querySelector('script[src]').src].map(
    needed => caches.match(needed))).then(found => found.every(Boolean))"""
"""Whether everything is kept that a start without a network needs."""
TAKEN = (
    "moment => Object.keys(localStorage).some(key => JSON.parse(localStorage[key]).server >="
    " moment)"
)
"""Whether a display has taken an answer that the server gave at a moment or later."""


@dataclass
class Wall:
    """One server, one store, one clock for the server."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    port: int = 0
    assets: Path = FOLDER
    """Where the style sheets and scripts of the version that is served are."""
    _server: BaseWSGIServer | None = None
    _thread: Thread | None = None

    def start(self) -> None:
        """Serve, after the first time on the same port as before."""
        with patch("icalbridge.web.product_assets", partial(Assets, self.assets)):
            app = create_app(PUBLIC, self.store, clock=self.clock)
        self.serve(app)

    def serve(self, app: WSGIApplication) -> None:
        """Serve an application where the display asks."""
        if self.port:
            self._server = make_server("127.0.0.1", self.port, app, threaded=True)
        else:
            self._server = listen(app)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def fill(self, entries: Sequence[Entry], *, now: datetime | None = None) -> None:
        sync(self.store, "school", added(entries), now=now or self.clock.now)

    def save_gyms(self) -> None:
        """Keep a saved feed of two facilities."""
        gyms = Saved("gyms", "All gyms", facility_ids=("gym", "pool"))
        self.store.saved.put([to_keep(gyms)], now=NOW)

    def call_off(self, was: Entry) -> None:
        """Let the vendor say that something is off."""
        gone = replace(
            was,
            sequence=1,
            modified=self.clock.now,
            withdrawn=self.clock.now,
            cancelled=self.clock.now,
        )
        sync(self.store, "school", Changes(withdrawn=(gone,)), now=self.clock.now)


def open_wall(folder: Path) -> Wall:
    """Serve the world of `web_world` at noon."""
    store = filled_store(folder)
    wall = Wall(store)
    wall.start()
    return wall


def close_wall(wall: Wall) -> None:
    wall.stop()
    wall.store.close()


def stop_clock(page: Page, moment: datetime) -> None:
    """Let a device's clock stand still at a moment, before it shows anything."""
    page.clock.install(time=moment - timedelta(hours=1))
    page.clock.pause_at(moment)


def hang(page: Page, wall: Wall, path: str, *, device: datetime | None = None) -> Page:
    """Open a display on a device whose clock stands still ten seconds after a moment, by default
    the server's.

    It is ready to start again without a network.
    """
    moment = device or wall.clock.now
    stop_clock(page, moment)
    page.goto(wall.address(path))
    page.clock.fast_forward(10_000)
    wall.clock.advance(10)
    page.wait_for_function("document.documentElement.classList.contains('live')")
    until(lambda: page.evaluate(READY) or None, "everything that a start without a network needs")
    return page


def wait(page: Page, wall: Wall, **time: float) -> None:
    """Let time pass for server and device while the server is off; the display looks once, at its
    end.
    """
    span = timedelta(**time)
    wall.clock.advance(span.total_seconds())
    page.clock.fast_forward(int(span.total_seconds() * 1000))
    page.clock.run_for(1000)
    wall.clock.advance(1)


def ask(page: Page, wall: Wall, **time: float) -> None:
    """Let a minute or more pass, at whose end the display asks for its data and draws the answer.

    The server's clock gains five seconds, which the display can know only from the answer.
    """
    span = timedelta(**time)
    wall.clock.advance(span.total_seconds() + 5)
    page.clock.fast_forward(int(span.total_seconds() * 1000))
    page.wait_for_function(TAKEN, arg=wall.clock.now.timestamp())
    page.clock.run_for(1100)
    wall.clock.advance(1)


def seen(page: Page) -> Any:
    return page.evaluate(SEEN)


def slot(page: Page, name: str) -> str:
    return page.locator(f"#display [data-slot={name}]").inner_text()


def titles(page: Page, name: str = "today") -> list[str]:
    """Return the titles that are to be seen in a list."""
    return page.locator(f"[data-lines={name}] .line:visible .title").all_inner_texts()


def sent_by_server(page: Page, address: str) -> Any:
    """Return what the server says right now to a new display; `page` only reads its HTML."""
    return page.evaluate(SEEN, requests.get(address, timeout=60).text)


def busy(count: int, facility: Facility, *, first: float = 0.5, every: float = 0.15) -> list[Entry]:
    """Return so many bookings of the rest of today."""
    return [
        entry(
            first + every * number,
            uid=f"b{number}",
            facility=facility,
            event_id=f"b{number}",
            name=f"Club {number}",
        )
        for number in range(count)
    ]
