"""Every page in every state, from phone to TV, magnified, light and dark, in both languages.

`make test` opens most pages in one look, and one page of each kind in all looks; `make soak` opens
every page in all looks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.browser.looking import LOOKS, WIDTHS, forgive, look_at
from tests.fixtures.chromium import Kind, axe
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from icalbridge.store import Store
    from tests.browser.looking import Looks
    from tests.fixtures.chromium import Pages

pytestmark = pytest.mark.browser

PAGES = {
    "directory": "/",
    "search": "/?q=gym",
    "search for bookings": "/?q=varsity",
    "search without a hit": "/?q=nowhere",
    "district": "/property/district",
    "school with odd names": "/property/odd",
    "facility": "/facility/gym",
    "facility with nothing on": "/facility/nameless",
    "facility with a long name": "/facility/long",
    "week of a school with odd names": "/property/odd?view=week&date=2026-11-22",
    "booking": "/booking/gym0",
    "booking with an odd name": "/booking/odd0",
    "booking with a long name": "/booking/odd3",
    "booking that is unknown": "/booking/unknown",
    "free spaces": "/free?date=2026-11-28&from=10:00&to=12:00&property=district",
    "free spaces, nothing free": "/free?date=2026-11-28&capacity=9000",
    "free spaces refused": "/free?length=5",
    "month": "/facility/gym?view=month",
    "month of a school with odd names": "/property/odd?view=month",
    "day": "/property/school?date=2026-11-25",
    "day of a facility": "/facility/gym?view=day",
    "list": "/facility/gym?view=list",
    "list of a district": "/property/district?view=list&q=gym",
    "only one name": "/property/school?name=practice",
    "narrowed down": "/property/school?q=varsity&facility=gym&view=week",
    "page of a name": "/property/school?view=list&name=practice",
    "nonsense": "/property/school?view=year",
    "unknown": "/facility/unknown",
    "never fetched": "/property/never",
    "status": "/status",
    "for programs": "/api/v1/",
    "poster": "/poster/facility/gym",
    "poster with a long name": "/poster/facility/long",
    "poster with an odd name": "/poster/property/odd",
    "builder": "/build?",
    "builder for a school": "/build?feed=property:school&past=3&cancelled=mark&tz=utc",
    "builder with odd names": (
        "/build?feed=property:district&school=odd&facility=gym&facility=long&type=Pool"
    ),
    "builder with nothing on": "/build?feed=facility:nameless",
    "builder with a name": "/build?feed=property:school&name=practice",
    "builder for doors": "/build?feed=property:odd&view=occupancy&before=30&title=%7Bname%7D",
    "builder refuses": "/build?feed=property:school&past=abc&title=Hello",
    "builder waits": "/build?feed=property:never",
    "snippets": "/embed?",
    "snippets with odd names": "/embed?feed=property:district&school=odd",
    "snippets refused": "/embed?feed=property:school&accent=zz",
    "embedded list": "/embed/property/school",
    "embedded week": "/embed/property/school?view=week",
    "embedded month": "/embed/property/school?view=month",
    "embedded odd names": "/embed/property/district?days=30",
    "embedded odd week": "/embed/property/district?view=week&from=2026-11-24",
    "embedded odd month": "/embed/property/odd?view=month",
    "embedded without header": "/embed/facility/gym?header=0",
    "embedded with nothing on": "/embed/facility/nameless",
    "embedded month with nothing on": "/embed/facility/nameless?view=month",
    "embedded nonsense": "/embed/facility/gym?view=year",
    "embedded unknown": "/embed/facility/unknown",
    "embedded never fetched": "/embed/property/never",
}
KINDS = (
    "directory",
    "district",
    "booking",
    "free spaces",
    "month",
    "status",
    "poster",
    "builder for a school",
    "snippets",
    "embedded week",
)
"""One page of each kind."""
RARE = (
    "search without a hit",
    "facility with nothing on",
    "booking with an odd name",
    "booking that is unknown",
    "free spaces, nothing free",
    "month of a school with odd names",
    "list of a district",
    "only one name",
    "builder with a name",
    "nonsense",
    "never fetched",
    "poster with an odd name",
    "builder for doors",
    "builder with nothing on",
    "builder waits",
    "snippets refused",
    "embedded without header",
    "embedded with nothing on",
    "embedded month with nothing on",
    "embedded odd week",
    "embedded unknown",
    "embedded never fetched",
)
"""Pages that are put together from what others have: for `make soak`."""
FEW_WIDTHS = (320, 1024)
TELLING = ("/facility/gym", "/status", "/poster/facility/gym", "/embed/property/school?view=week")
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"'
    ' fill="#ffd100"/></svg>'
)
IN_YELLOW: tuple[Looks, ...] = (("en", 360, "light"), ("en", 1024, "dark"))


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """A site as it is by itself, but for pending bookings, which may be asked for."""
    settings = Settings(public_url=PUBLIC.public_url, public_pending=True)
    with serving(create_app(settings, filled, clock=Clock())) as served:
        yield served


@pytest.fixture(scope="module")
def yellow(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site with a name, a logo, and a yellow that nobody could read."""
    logo: Path = tmp_path_factory.mktemp("look") / "logo.svg"
    logo.write_text(LOGO, "utf-8")
    settings = replace(PUBLIC, site_name="Sunny Union", site_logo=str(logo), site_accent="#ffd100")
    with serving(create_app(settings, filled, clock=Clock())) as served:
        yield served


@pytest.fixture(scope="module")
def visitor(pages: Pages) -> Iterator[Page]:
    """One page opens all addresses, since these tests only look at it."""
    kind = Kind("America/Los_Angeles")
    page = pages.take(kind)
    yield page
    pages.give_back(page, kind)


@pytest.fixture
def page(visitor: Page, page_faults: list[str]) -> Iterator[Page]:
    assert page_faults == []
    yield visitor
    visitor.unroute_all()


@pytest.mark.parametrize("name", [each for each in PAGES if each not in RARE])
def test_page_fits_and_can_be_read(
    page: Page, address: str, page_faults: list[str], name: str
) -> None:
    """With everything unfolded, nothing to scroll sideways and nothing for axe to object to."""
    if name in KINDS:
        look_at(page, address + PAGES[name])
    else:
        turn = [*PAGES].index(name) % len(LOOKS)
        look_at(page, address + PAGES[name], widths=FEW_WIDTHS, looks=LOOKS[turn : turn + 1])
    forgive(page_faults)


@pytest.mark.soak
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_and_can_be_read_in_every_look(
    page: Page, address: str, page_faults: list[str], name: str
) -> None:
    look_at(page, address + PAGES[name])
    forgive(page_faults)


@pytest.mark.parametrize(
    ("path", "looks"),
    [
        *((path, IN_YELLOW[number % 2 :][:1]) for number, path in enumerate(TELLING)),
        *(pytest.param(path, IN_YELLOW, marks=pytest.mark.soak) for path in TELLING),
    ],
)
def test_page_can_be_read_in_a_site_s_own_colour(
    page: Page, yellow: str, path: str, looks: tuple[Looks, ...]
) -> None:
    """The accent of the settings is mended wherever it stands, and the logo takes no room from
    anything.
    """
    look_at(page, yellow + path, widths=FEW_WIDTHS if len(looks) == 1 else WIDTHS, looks=looks)


@pytest.mark.parametrize(
    ("accent", "theme"),
    [
        ("ffff00", "light"),
        ("000000", "dark"),
        ("7f7f7f", "light"),
        *(
            pytest.param(accent, theme, marks=pytest.mark.soak)
            for accent, theme in (("ffff00", "dark"), ("000000", "light"), ("7f7f7f", "dark"))
        ),
    ],
)
def test_embed_keeps_any_accent_readable(page: Page, address: str, accent: str, theme: str) -> None:
    """Whatever colour a school has, in either theme, its text can be read."""
    page.goto(f"{address}/embed/facility/gym?accent={accent}&theme={theme}")
    assert axe(page) == []


@pytest.mark.parametrize(
    "path",
    [
        PAGES["builder for a school"],
        pytest.param(PAGES["builder refuses"], marks=pytest.mark.soak),
    ],
)
def test_builder_fits_without_its_script(
    page: Page, address: str, page_faults: list[str], path: str
) -> None:
    """The buttons that then stand there fit too. (axe itself is a script, so only the page's own is
    taken away.)
    """
    page.route("**/build.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))
    look_at(page, address + path, looks=(("en", 360, "light"),))
    forgive(page_faults)
