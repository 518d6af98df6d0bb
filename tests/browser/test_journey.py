"""One person's way through everything: find a gym, narrow it down, subscribe, put it on a site,
print it, scan it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from flask import Flask, Response, request
from playwright.sync_api import expect

from icalbridge.web import create_app
from tests.fixtures.serving import serving
from tests.web_world import PRIVATE, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

pytestmark = pytest.mark.browser
SEARCH = "Find a school, facility or booking"


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """The world of `web_world` at noon, over HTTP, at the address of this server."""
    with serving(create_app(PRIVATE, filled, clock=Clock())) as served:
        yield served


@pytest.fixture(scope="module")
def school() -> Iterator[str]:
    """The school's own site, on another port: a page with whatever is pasted into it."""
    app = Flask("school")

    @app.get("/")
    def page() -> Response:
        pasted = request.args.get("pasted", "")
        return Response(
            "<!doctype html><html lang=en><link rel=icon"
            f" href=data:,><title>Us</title><body>{pasted}"
        )

    with serving(app) as served:
        yield served


def find_varsity(page: Page, address: str) -> str:
    """Search for the gym and keep only the practices of a team; return the address to subscribe to."""
    page.goto(address)
    page.get_by_role("link", name="Gymnasium").click()
    expect(page.get_by_role("link", name="Pool")).to_have_count(0)
    page.get_by_label(SEARCH).fill("main gym lincoln")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/?*q=main+gym+lincoln*")
    page.get_by_role("link", name="Main Gym").click()
    page.wait_for_url("**/facility/gym*")
    page.get_by_text("View only some bookings").click()
    page.get_by_label("Activity").select_option("Varsity")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/facility/gym?*activity=*")
    page.get_by_text("Subscribe", exact=True).click()
    return page.get_by_label("Address of this calendar").input_value()


def test_journey_from_a_search_to_a_site_and_to_paper(
    page: Page, address: str, school: str
) -> None:
    """What was narrowed down stays so: in the address that is copied, in its feed, on paper and in
    the frame.
    """
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    feed = find_varsity(page, address)
    assert feed == f"{address}/ical/facility/gym.ics?activity=varsity"
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == feed
    subscribed = page.request.get(feed).text()
    assert (subscribed.count("BEGIN:VEVENT"), subscribed.count("Open Gym")) == (30, 0)
    # printed as a week
    page.get_by_role("link", name="A week to print").click()
    page.wait_for_url("**/facility/gym?activity=varsity*")
    expect(page.get_by_text("Practice: Varsity").first).to_be_visible()
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
    # in the school's own site
    page.get_by_role("link", name="On a page of your own site").click()
    page.get_by_label("Show", exact=True).select_option("A week")
    snippet = page.get_by_label("Paste this into your page")
    expect(snippet).to_have_value(re.compile("view=week.*activity=varsity"))
    page.goto(f"{school}/?{urlencode({'pasted': snippet.input_value()})}")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Practice: Varsity").first).to_be_visible()
    expect(frame.get_by_text("Open Gym")).to_have_count(0)


def test_journey_with_nothing_but_a_keyboard(open_page: OpenPage, address: str) -> None:
    """Without a mouse and without scripts: Tab and Enter lead from the directory to a feed and to
    its snippet.
    """
    page = open_page(javascript=False)
    page.goto(address)

    def press_until(name: str) -> None:
        """Tab until something of a name has the focus, and press Enter on it."""
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText.trim()") == name:
                page.keyboard.press("Enter")
                return
        raise AssertionError(f"Tab never came to {name}")

    press_until("Main Gym")
    page.wait_for_url("**/facility/gym")
    press_until("Month")
    page.wait_for_url("**/facility/gym?view=month#schedule")
    press_until("On a page of your own site")
    page.wait_for_url("**/embed?feed=facility:gym")
    expect(page.get_by_label("Paste this into your page")).to_have_value(
        re.compile(re.escape(f'src="{address}/embed/facility/gym"'))
    )


def test_journey_to_a_free_gym_on_saturday(page: Page, address: str) -> None:
    """A gym on Saturday from 10 to 12, the facility's own day, and a booking of it into a calendar."""
    page.goto(address)
    main = page.get_by_role("main")
    main.get_by_role("link", name="find a free space").click()
    main.get_by_label("Date").fill("2026-11-28")
    main.get_by_label("From").fill("10:00")
    main.get_by_label("To", exact=True).fill("12:00")
    main.get_by_label("Kind").select_option("Gymnasium")
    main.get_by_role("button", name="Find").click()
    expect(main.get_by_role("heading", name="1 space is free")).to_be_visible()
    expect(main.get_by_text("This is not a booking.")).to_be_visible()
    main.get_by_role("link", name="Main Gym").click()
    page.wait_for_url("**/facility/gym?view=day&date=2026-11-28")
    expect(main.get_by_text("6:00 AM – 3:00 PM")).to_be_visible()
    main.get_by_role("link", name="Practice: Varsity").click()
    expect(main.get_by_role("heading", name="Practice: Varsity")).to_be_visible()
    expect(main.get_by_text("Saturday, November 28, 2026, 3:00 – 5:00 PM")).to_be_visible()
    with page.expect_download() as download:
        main.get_by_role("link", name="This time only").click()
    assert "UID:gym7@icalbridge" in download.value.path().read_text("utf-8")


def test_coach_subscribes_to_one_team_from_the_search(page: Page, address: str) -> None:
    """The search lists the names that are booked; "Subscribe to just this" gives the address of
    that name's calendar, to copy, and another name can be ticked there.
    """
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address)
    page.get_by_label(SEARCH).fill("open lincoln")
    page.get_by_role("button", name="Find").click()
    bookings = page.get_by_role("region", name="Bookings")
    expect(bookings.get_by_role("listitem")).to_have_count(1)
    expect(bookings).to_contain_text("1 booking")
    bookings.get_by_role("link", name="Subscribe to just this – Open Gym").click()
    field = page.get_by_label("Address of this calendar")
    expect(field).to_have_value(f"{address}/ical/property/school.ics?name=open%20gym")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    feed = page.evaluate("navigator.clipboard.readText()")
    told = page.request.get(feed).text()
    assert re.findall(r"SUMMARY:(.*)\r\n", told) == ["Open Gym"]
    page.get_by_label("Look for a name").fill("practice")
    page.get_by_label("Practice").check()
    expect(field).to_have_value(f"{address}/ical/property/school.ics?name=open%20gym,practice")


def test_page_of_a_name_shows_only_that(page: Page, address: str) -> None:
    """The name leads to its schedule, which has its calendar to subscribe to, also without
    JavaScript.
    """
    page.goto(f"{address}/?q=dance+night")
    page.get_by_role("link", name="Night of dance", exact=True).click()
    page.wait_for_url("**/property/*?*name=night%20of%20dance")
    titles = page.locator(".what > :first-child")
    assert set(titles.all_inner_texts()) == {"Night of dance"}
