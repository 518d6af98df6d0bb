"""What is printed, as a custodian holds it: sheets are counted, measured and read."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import Facility
from icalbridge.web import create_app
from tests.fixtures.paper import sheets
from tests.fixtures.serving import serving
from tests.samples import NOW, entry
from tests.web_world import FACILITIES, PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from icalbridge.models import Entry
    from tests.fixtures.chromium import OpenPage
    from tests.fixtures.paper import Sheet

pytestmark = pytest.mark.browser
PAPERS = {"Letter": (279, 216), "A4": (297, 210)}
"""Across, in millimeters."""
MOST = ["A4", pytest.param("Letter", marks=pytest.mark.soak)]
ROOMS = [Facility(f"r{number}", "school", f"Room {number}", "Classroom") for number in range(20)]
OTHERS = {"Club0d0h0", "Club0d1h0", "Club0d2h0", "Club0d5h22"}
SUNDAY = datetime(2026, 11, 22, 8, tzinfo=UTC)
"""Midnight at the school."""


def booked(room: Facility, day: int, hour: float, hours: float = 1.5) -> Entry:
    start = SUNDAY + timedelta(days=day, hours=hour)
    number = ROOMS.index(room)
    made = entry(
        0,
        uid=f"{room.id}-{day}-{hour}",
        event_id=f"{room.id}-{day}",
        start=start,
        end=start + timedelta(hours=hours),
        name=f"Club{number}d{day}h{int(hour)} of Youth Basketball",
    )
    return replace(made, facility_id=room.id, place=room.name)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A school with twenty rooms: each is booked every day, the first all day long, and there is a
    dance past midnight and three camps of whole days.
    """
    store = empty_store(tmp_path_factory.mktemp("paper"))
    add_catalogue(store, {**FACILITIES, "school": ROOMS})
    entries = [booked(room, day, 16) for room in ROOMS[1:] for day in range(7)]
    entries += [booked(room, day, 18) for room in ROOMS[1:10] for day in range(7)]
    entries += [booked(ROOMS[0], day, hour, 1) for day in range(7) for hour in range(7, 22, 2)]
    entries.append(booked(ROOMS[0], 5, 22, 3.5))
    entries += [booked(ROOMS[0], day, 0, 24) for day in (0, 1, 2)]
    sync(store, "school", added(entries))
    with serving(create_app(PUBLIC, store, clock=Clock(NOW))) as served:
        yield served
    store.close()


def printed(page: Page, address: str, paper: str) -> list[Sheet]:
    """Print a page as its style sheet says, on paper of some size; all sheets lie the same way."""
    page.goto(address)
    found = sheets(page.pdf(format=paper, prefer_css_page_size=True))
    assert {(round(sheet.width), round(sheet.height)) for sheet in found} == {PAPERS[paper]}
    return found


def clubs(texts: list[str]) -> set[str]:
    return {name for text in texts for name in re.findall(r"Club\d+d\d+h\d+", text)}


@pytest.mark.parametrize("paper", ["Letter", pytest.param("A4", marks=pytest.mark.soak)])
def test_custodian_prints_a_schools_week(page: Page, address: str, paper: str) -> None:
    """All rooms by all days; a dense week takes two sheets, and each says whose week it is and has
    its days at the top.
    """
    page.goto(f"{address}/property/school?date=2026-11-24")
    page.get_by_role("link", name="A week to print").click()
    page.wait_for_url("**view=week**")
    found = printed(page, page.url, paper)
    assert len(found) == 2
    for sheet in found:
        assert "Lincoln High Nov 22 – 28, 2026 Sun, Nov 22 Mon, Nov 23" in sheet.text
    whole = " ".join(sheet.text for sheet in found)
    assert all(f"{room.name} " in whole for room in ROOMS)
    assert "4:00 – 5:30 PM Club7d3h16" in whole
    every = {f"Club{number}d{day}h16" for number in range(1, 20) for day in range(7)}
    assert clubs([sheet.text for sheet in found]) >= every
    for text in ("Subscribe", "Find a free space", "View only some bookings", "Earlier"):
        assert text not in whole


@pytest.mark.parametrize("paper", MOST)
def test_quiet_week_of_a_school_is_one_sheet(page: Page, address: str, paper: str) -> None:
    (sheet,) = printed(
        page, f"{address}/property/school?view=week&date=2026-11-24&facility=r7", paper
    )
    assert "Club7d6h16" in sheet.text
    assert "Room 8" not in sheet.text


@pytest.mark.parametrize("paper", MOST)
def test_week_of_a_gym_fills_a_sheet(page: Page, address: str, paper: str) -> None:
    """One sheet with the names of school and gym, whatever hours there are; the hours take most of
    its height.
    """
    (sheet,) = printed(page, f"{address}/facility/r0?view=week&date=2026-11-24", paper)
    assert sheet.text.startswith("Room 0 Lincoln High Nov 22 – 28, 2026")
    assert "1 AM" in sheet.text
    names = {f"Club0d{day}h{hour}" for day in range(7) for hour in range(7, 22, 2)}
    assert clubs([sheet.text]) == names | OTHERS
    page.emulate_media(media="print")
    width, height = (round((side - 18) / 25.4 * 96) for side in PAPERS[paper])
    page.set_viewport_size({"width": width, "height": height})
    box = page.locator(".columns").bounding_box()
    assert box is not None
    assert 0.8 * height < box["height"] < height


@pytest.mark.parametrize("paper", MOST)
def test_month_is_printed_with_its_entries(page: Page, address: str, paper: str) -> None:
    """Also those that a click opens on a screen; on one sheet where they fit."""
    found = printed(page, f"{address}/facility/r0?view=month&date=2026-11-24", paper)
    assert found[0].text.startswith("Room 0 Lincoln High November 2026 Sun Mon Tue")
    names = {f"Club0d{day}h{hour}" for day in range(7) for hour in range(7, 22, 2)}
    assert clubs([sheet.text for sheet in found]) == names | OTHERS
    assert len(found) <= 2
    assert len(printed(page, f"{address}/facility/r1?view=month&date=2026-11-24", paper)) == 1


def test_month_is_printed_with_its_entries_without_scripts(
    open_page: OpenPage, address: str
) -> None:
    found = printed(
        open_page(javascript=False), f"{address}/facility/r0?view=month&date=2026-11-24", "Letter"
    )
    names = {f"Club0d{day}h{hour}" for day in range(7) for hour in range(7, 22, 2)}
    assert clubs([sheet.text for sheet in found]) == names | OTHERS


@pytest.mark.parametrize("paper", MOST)
def test_day_of_a_school_is_printed_without_its_page(page: Page, address: str, paper: str) -> None:
    found = printed(page, f"{address}/property/school?date=2026-11-24", paper)
    assert len(found) == 1
    assert "Find a free space" not in found[0].text
    assert "Room 19" in found[0].text
