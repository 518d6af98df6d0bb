"""Displays in a real browser: hours without a network, restarts, midnights, changes of clocks,
wrong device clocks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from shutil import copytree
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from icalbridge.web import create_app
from icalbridge.web.responses import MARK
from icalbridge.web.static_files import FOLDER
from tests.browser.wall import (
    DISTRICT,
    GYM,
    READY,
    SCHOOL,
    TAKEN,
    Wall,
    ask,
    hang,
    seen,
    sent_by_server,
    slot,
    stop_clock,
    titles,
    wait,
)
from tests.fixtures.commands import until
from tests.fixtures.serving import serving
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, add_catalogue, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from playwright.sync_api import Page

    from tests.fixtures.chromium import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outages")]


# what server and script say


@pytest.mark.parametrize(
    "path",
    [
        GYM,
        DISTRICT,
        *(
            pytest.param(path, marks=pytest.mark.soak)
            for path in (
                SCHOOL,
                "/display/facility/long",
                "/display/property/alone",
                "/display/feed/gyms",
                f"{DISTRICT}?not=varsity&facility=gym,pool",
            )
        ),
    ],
)
def test_display_draws_what_the_server_would(device: Page, wall: Wall, path: str) -> None:
    """Left alone for a night and a day, a display says at every hour what the server would tell a
    new one.
    """
    wall.save_gyms()
    page = hang(device, wall, path)
    wall.stop()
    with serving(create_app(PUBLIC, wall.store, clock=wall.clock)) as other:
        for hours in (0, 0.5, 0.5, 1, 2, 3, 6, 2, 9):
            wait(page, wall, hours=hours)
            assert seen(page) == sent_by_server(page, other + path), wall.clock.now


# without a network


def test_display_goes_on_for_an_hour_without_a_network(device: Page, wall: Wall) -> None:
    """Nothing goes blank: what ended leaves, what comes is counted down, and after a while it says
    of when it is.
    """
    page = hang(device, wall, GYM)
    wall.stop()
    for minutes, left, as_of in (
        (14, "46 min", ""),
        (14, "32 min", "As of 12:00 PM"),
        (31, "1 min", "As of 12:00 PM"),
    ):
        page.clock.run_for(minutes * 60_000)
        assert (slot(page, "left"), slot(page, "as_of")) == (left, as_of)
    page.clock.run_for(60_000)
    assert (slot(page, "as_of"), slot(page, "headline"), slot(page, "until")) == (
        "As of 12:00 PM",
        "Free",
        "until 3:00 PM",
    )
    assert (slot(page, "clock"), slot(page, "left"), titles(page, "now")) == ("1:00 PM", "2 h", [])


def test_display_takes_up_again_when_the_server_is_back(device: Page, wall: Wall) -> None:
    """After a restart the next asking brings what has changed meanwhile; in an hour of failures and
    successes the document is the one that was loaded.
    """
    visited: list[str] = []
    device.on("framenavigated", lambda frame: visited.append(frame.url))
    page = hang(device, wall, GYM)
    page.evaluate("window.same = true")
    for hours in (1.9, 1.7, 1.5):
        wall.stop()
        wait(page, wall, minutes=14)
        name = f"Judo {hours}"
        wall.fill([entry(hours, uid=name, event_id=name, name=name)])
        wall.start()
        ask(page, wall, minutes=5)
        assert (slot(page, "as_of"), titles(page, "next")[:1]) == ("", [name])
    assert page.evaluate("window.same") is True
    assert visited == [wall.address(GYM)]


def test_display_asks_ever_less_often_while_nobody_answers(device: Page, wall: Wall) -> None:
    """It tries again after ten seconds, then twice as long, up to five minutes, each a little
    sooner by chance.
    """
    page = hang(device, wall, GYM)
    wall.stop()
    page.evaluate("""() => {
          const later = window.setTimeout;
          window.waits = [];
          window.setTimeout = (act, span) => (act.name === 'poll' && waits.push(span / 1000), later(act, span));
        }""")
    page.clock.fast_forward(60_000)
    for number, seconds in enumerate((10, 20, 40, 80, 160, 300, 300)):
        page.wait_for_function("number => waits.length > number", arg=number)
        assert 0.75 * seconds <= page.evaluate("waits[waits.length - 1]") <= seconds
        page.clock.fast_forward(seconds * 1000)


def test_display_comes_back_from_a_reload_without_a_network(device: Page, wall: Wall) -> None:
    """Power went and came while the network is away: the worker has the page, and the clock was
    carried on.
    """
    page = hang(device, wall, DISTRICT)
    ask(page, wall, minutes=1)
    wait(page, wall, minutes=1)
    before = seen(page)["lines"]
    wall.stop()
    page.reload()
    page.wait_for_function("document.documentElement.classList.contains('live')")
    assert seen(page)["lines"] == before
    wait(page, wall, hours=1)
    assert slot(page, "as_of") == "As of 12:00 PM"
    assert titles(page)[0] != "Open Gym"


def test_display_shows_its_last_data_when_a_new_page_has_none(
    device: Page, wall: Wall, tmp_path: Path
) -> None:
    """The server came back with nothing to say: what was kept on the device stands on the wall,
    with its age.
    """
    page = hang(device, wall, GYM)
    wall.stop()
    wall.clock.advance(1200)
    folder = tmp_path / "new"
    folder.mkdir()
    full, wall.store = wall.store, empty_store(folder)
    add_catalogue(wall.store)
    page.evaluate(
        "navigator.serviceWorker.getRegistrations().then(all => Promise.all(all.map(one =>"
        " one.unregister())))"
    )
    wall.start()
    page.goto(wall.address(GYM))
    page.wait_for_function("document.documentElement.classList.contains('live')")
    assert (slot(page, "title"), slot(page, "headline")) == ("Main Gym", "In use")
    assert slot(page, "as_of") == "As of 12:00 PM"
    full.close()


def test_display_without_data_gets_them_without_being_touched(device: Page, wall: Wall) -> None:
    """Hung up before the school was ever fetched, it shows the board once there is one."""
    page = device
    stop_clock(page, wall.clock.now)
    page.goto(wall.address("/display/facility/never-gym"))
    page.clock.fast_forward(5_000)
    assert slot(page, "title") == "This schedule is being loaded"
    sync(wall.store, "never")
    ask(page, wall, minutes=1)
    assert (slot(page, "title"), slot(page, "headline")) == ("New Gym", "Free")


# a portal, and a new version


@Request.application
def portal(request: Request) -> Response:
    """Answer as a captive portal does: its own page for everything, at another address."""
    if request.path != "/login":
        return redirect("/login")
    return Response("<!doctype html><title>Wi-Fi</title><h1>Accept the terms</h1>", 200)


@Request.application
def silent_portal(_request: Request) -> Response:
    """Answer as portals do that send nobody elsewhere."""
    return Response("<!doctype html><title>Wi-Fi</title><h1>Accept the terms</h1>", 200)


@pytest.mark.parametrize("answers", [portal, pytest.param(silent_portal, marks=pytest.mark.soak)])
def test_display_is_not_taken_over_by_a_portal(
    device: Page, wall: Wall, answers: WSGIApplication
) -> None:
    """Neither while it runs nor after a restart; when the portal is gone everything is as before,
    and nothing of it is kept.
    """
    page = hang(device, wall, GYM)
    ask(page, wall, minutes=1)
    wall.stop()
    wall.serve(answers)
    for _ in range(2):
        wait(page, wall, minutes=10)
        page.wait_for_function("!document.title.includes('Wi-Fi')")
        assert (slot(page, "title"), slot(page, "headline")) == ("Main Gym", "In use")
        page.reload()
        page.wait_for_function("document.documentElement.classList.contains('live')")
    kept = page.evaluate(
        "caches.open('display').then(store => store.keys().then(all => Promise.all(all.map(one =>"
        " store.match(one).then(found => found.text())))))"
    )
    assert [text for text in kept if "Accept the terms" in text] == []
    wall.stop()
    wall.fill([entry(1.5, uid="new", event_id="new", name="Judo")])
    wall.start()
    wall.clock.advance(60)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_function(TAKEN, arg=wall.clock.now.timestamp())
    page.clock.run_for(1000)
    assert (slot(page, "as_of"), titles(page, "next")) == ("", ["Judo"])


def reload_soon(page: Page, wall: Wall, **time: float) -> None:
    """Let time pass, and wait until the display has loaded itself anew and has its data."""
    page.evaluate("window.before = true")
    wall.clock.advance(timedelta(**time).total_seconds())
    page.clock.fast_forward(int(timedelta(**time).total_seconds() * 1000))
    page.wait_for_function(
        "() => !window.before && document.documentElement.classList.contains('live')"
    )
    page.wait_for_function(TAKEN, arg=wall.clock.now.timestamp())


def stay(page: Page, wall: Wall) -> None:
    """Let a minute pass in which the display asks for its data and its page, and stays."""
    page.evaluate("window.before = true")
    with page.expect_response(wall.address(GYM)):
        ask(page, wall, minutes=1)
    assert page.evaluate("window.before") is True


def test_display_takes_a_new_version_by_one_reload(
    device: Page, wall: Wall, tmp_path: Path
) -> None:
    """After an upgrade of the server the next answer makes it load its page anew, once; everything
    that a start without a network needs is that of the new version.
    """
    visited: list[str] = []
    page = hang(device, wall, GYM)
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    wall.stop()
    wall.assets = tmp_path / "static"
    copytree(FOLDER, wall.assets)
    with (wall.assets / "display.css").open("a") as sheet:
        sheet.write("html.dark { --ground: #000001; }")
    wall.start()
    reload_soon(page, wall, minutes=1)
    for _ in range(3):
        ask(page, wall, minutes=1)
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert ground == "rgb(0, 0, 1)"
    assert visited == [wall.address(GYM)]
    until(lambda: page.evaluate(READY) or None, "everything of the new version")


def labeled(app: WSGIApplication, ending: str) -> WSGIApplication:
    """Return an application that says to be of a newer version at addresses with an ending."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if environ["PATH_INFO"].endswith(ending):
                headers = [*(one for one in headers if one[0] != MARK), (MARK, "newer")]
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return answer


def serve_labeled(wall: Wall, ending: str) -> None:
    wall.stop()
    wall.serve(labeled(create_app(PUBLIC, wall.store, clock=wall.clock), ending))


def test_display_does_not_reload_while_two_versions_answer(device: Page, wall: Wall) -> None:
    """During an upgrade the data may come from the new version and the page from the old one: then
    it stays as it is.
    """
    page = hang(device, wall, GYM)
    serve_labeled(wall, ".json")
    for _ in range(3):
        stay(page, wall)


def test_display_reloads_once_for_a_version(device: Page, wall: Wall) -> None:
    """A page that turns out to be of the old version after all is loaded again after an hour."""
    page = hang(device, wall, GYM)
    serve_labeled(wall, "")
    reload_soon(page, wall, minutes=2)
    stay(page, wall)
    stay(page, wall)
    reload_soon(page, wall, minutes=61)
    stay(page, wall)


# time


@pytest.mark.parametrize("years", [-2, pytest.param(2, marks=pytest.mark.soak)])
def test_display_does_not_believe_the_device(open_page: OpenPage, wall: Wall, years: int) -> None:
    """A device whose clock is two years off, and which thinks that it is in Tokyo, shows the time
    of Los Angeles.
    """
    device = NOW + timedelta(days=365 * years)
    page = hang(open_page(timezone="Asia/Tokyo", clock=True), wall, GYM, device=device)
    assert (slot(page, "clock"), slot(page, "date"), slot(page, "left")) == (
        "12:00 PM",
        "Saturday, November 21",
        "1 h",
    )
    ask(page, wall, minutes=31)
    assert (slot(page, "clock"), slot(page, "left")) == ("12:31 PM", "29 min")


@pytest.mark.parametrize(
    ("wrong", "then"),
    [
        (-700, [0, -700]),
        pytest.param(0, [-700], marks=pytest.mark.soak),
        pytest.param(700, [0], marks=pytest.mark.soak),
        pytest.param(-2, [-3], marks=pytest.mark.soak),
    ],
)
def test_display_outlives_a_clock_that_is_set(
    device: Page, wall: Wall, wrong: int, then: list[int]
) -> None:
    """The device learns the right time, and falls behind, while the network is away: nothing on the
    wall jumps. Days off before, and after.
    """
    page = hang(device, wall, GYM, device=NOW + timedelta(days=wrong))
    wall.stop()
    for number, days in enumerate(then, 1):
        page.clock.set_system_time(wall.clock.now + timedelta(days=days))
        wait(page, wall, minutes=20)
        shown = slot(page, "clock"), slot(page, "headline")
        assert shown == (f"12:{20 * number} PM", "In use"), days


def sleep(page: Page, wall: Wall, **time: float) -> None:
    """Let the device sleep: its clock goes on, and the counter of its browser stands still."""
    span = timedelta(**time)
    device = page.evaluate("Date.now()") / 1000
    wall.clock.advance(span.total_seconds())
    page.clock.set_system_time(datetime.fromtimestamp(device, UTC) + span)


@pytest.mark.parametrize("years", [-2, pytest.param(0, marks=pytest.mark.soak)])
def test_display_that_slept_asks_at_once(device: Page, wall: Wall, years: int) -> None:
    """Woken the next morning it does not wait for the minute to be over, nor for a request from
    before; even with a clock that is years behind.
    """
    page = hang(device, wall, GYM, device=NOW + timedelta(days=365 * years))
    sleep(page, wall, hours=20)
    wall.fill([entry(20.5, uid="new", event_id="new", name="Judo")], now=wall.clock.now)
    wall.clock.advance(5)
    page.clock.run_for(1000)
    page.wait_for_function(TAKEN, arg=wall.clock.now.timestamp())
    page.clock.run_for(1000)
    assert (slot(page, "date"), slot(page, "clock")) == ("Sunday, November 22", "8:00 AM")
    assert (slot(page, "as_of"), titles(page, "next")) == ("", ["Judo"])


@pytest.mark.parametrize(
    ("path", "nights"),
    [
        (GYM, [(1, "Sunday, November 22", "Free"), (29, "", "No recent data")]),
        (SCHOOL, [(3, "Tuesday, November 24", "")]),
    ],
)
def test_display_that_slept_shows_no_yesterday_as_now(
    device: Page, wall: Wall, path: str, nights: list[tuple[int, str, str]]
) -> None:
    """Woken without a network it shows the moment by what it knows, or says that it does not
    know.
    """
    page = hang(device, wall, path)
    wall.stop()
    for days, date, headline in nights:
        sleep(page, wall, days=days)
        page.clock.run_for(1000)
        assert (slot(page, "clock"), slot(page, "date")) == ("12:00 PM", date)
        assert titles(page, "now" if path == GYM else "today") == []
        assert "As of Sat, Nov 21, 12:00 PM" in slot(page, "as_of")
        if headline:
            assert slot(page, "headline") == headline


def test_display_asks_when_the_network_or_the_screen_is_back(device: Page, wall: Wall) -> None:
    """It does not wait for its next attempt, which may be minutes away."""
    page = hang(device, wall, GYM)
    for event in ("window, 'online'", "document, 'visibilitychange'"):
        wall.stop()
        page.clock.run_for(15 * 60_000)
        page.wait_for_load_state("networkidle")  # what was asked in vain has failed
        wall.clock.advance(16 * 60)
        wall.start()
        page.evaluate(f"((target, name) => target.dispatchEvent(new Event(name)))({event})")
        page.wait_for_function(TAKEN, arg=wall.clock.now.timestamp())


def test_display_turns_to_tomorrow_without_a_network(device: Page, wall: Wall) -> None:
    """An outage over midnight: the date turns, and tomorrow's board is there."""
    page = hang(device, wall, DISTRICT)
    wall.stop()
    wait(page, wall, hours=11, minutes=59)
    assert (slot(page, "date"), slot(page, "empty")) == (
        "Saturday, November 21",
        "Nothing more today",
    )
    wait(page, wall, minutes=1)
    assert (slot(page, "date"), slot(page, "empty"), titles(page)) == (
        "Sunday, November 22",
        "",
        ["Night of dance", "Reserved", "Practice: Varsity"],
    )
    assert slot(page, "as_of") == "As of Sat, Nov 21, 12:00 PM"


def test_display_that_heard_nothing_for_days_claims_nothing(device: Page, wall: Wall) -> None:
    """Past what it was told it says that it does not know, rather than that nothing is on."""
    page = hang(device, wall, SCHOOL)
    wall.stop()
    wait(page, wall, days=3)
    assert (slot(page, "date"), slot(page, "empty"), titles(page)) == (
        "Tuesday, November 24",
        "",
        [],
    )
    assert slot(page, "as_of") == "As of Sat, Nov 21, 12:00 PM"
    assert page.evaluate("document.body.className") == "property unknown alone"


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (datetime(2026, 11, 1, 9, tzinfo=UTC), "1:59 AM", "1:00 AM"),
        (datetime(2027, 3, 14, 10, tzinfo=UTC), "1:59 AM", "3:00 AM"),
    ],
)
def test_display_changes_its_clock_with_the_school(
    device: Page, wall: Wall, change: datetime, before: str, after: str
) -> None:
    """In the nights of the clock changes it counts real minutes and shows the school's hour,
    network or none.
    """
    wall.clock.now = change - timedelta(minutes=30)
    shift = entry(
        0,
        uid="shift",
        event_id="shift",
        start=change - timedelta(hours=1),
        end=change + timedelta(hours=1),
    )
    wall.fill([shift])
    page = hang(device, wall, GYM)
    wall.stop()
    wait(page, wall, minutes=29)
    assert (slot(page, "clock"), slot(page, "left")) == (before, "1 h 1 min")
    wait(page, wall, minutes=1)
    assert (slot(page, "clock"), slot(page, "left")) == (after, "1 h")
