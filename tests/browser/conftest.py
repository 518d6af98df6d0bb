"""Marks everything in this folder as a browser test, so `pytest -m "not browser"` leaves Chromium
alone.

The world of `web_world` is made once for each process, since most of these tests only look at it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.wall import Wall, close_wall, open_wall
from tests.web_world import filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from icalbridge.store import Store
    from tests.fixtures.chromium import OpenPage

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pytest hands over every collected test, also those of other folders."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The world of `web_world` at noon, to be looked at and not to be changed."""
    store = filled_store(tmp_path_factory.mktemp("filled"))
    yield store
    store.close()


@pytest.fixture
def outages(page_faults: list[str]) -> Iterator[None]:
    """What the browser notes by itself about a server or a page that went away is no fault of a
    display.
    """
    yield
    own = ("net::ERR_", "status of 503", "fetching the script")
    page_faults[:] = [fault for fault in page_faults if not any(each in fault for each in own)]


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[Wall]:
    """The world of `web_world` at noon, on a server that can be switched off."""
    opened = open_wall(tmp_path)
    yield opened
    close_wall(opened)


@pytest.fixture
def device(open_page: OpenPage) -> Page:
    """What a display hangs on: a page whose clock the test sets."""
    return open_page(clock=True)
