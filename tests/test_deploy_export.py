"""`icalbridge export` into a folder that Debian's nginx serves with `docs/deploy/export-nginx.conf`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from tests.fixtures.commands import ROOT, free_port, run
from tests.fixtures.nginx import HOST, fetch, replace_placeholders, serving_with_nginx
from tests.fixtures.origins import Origin, serving_origin
from tests.readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

LINK = re.compile(r'\s(?:href|src|action|data-path|data-worker)="([^"]*)"')
AGE = re.compile(rb"\((?:just now|\d+ \w+ ago)\)")
"""How old the data of a page is, which differs a minute after its export."""
SAME_HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy")

pytestmark = pytest.mark.xdist_group("exported")  # what is exported serves all of them


@dataclass(frozen=True)
class StaticSite:
    """An export that nginx serves, and the origin that it was made of."""

    url: str
    folder: Path
    origin: Origin

    def get(self, path: str, **headers: str) -> requests.Response:
        return fetch(f"{self.url}{path}", **headers)

    def update(self) -> None:
        """Export anew what has changed, also by time alone."""
        done = run("export", str(self.folder), **self.origin.settings)
        assert done.returncode == 0, done.stderr

    def is_as_served(self, path: str) -> bool:
        """Say whether an address has the bytes of the server, but for the age of the data."""
        static, served = (each.get(path).content for each in (self, self.origin))
        return AGE.sub(b"", static) == AGE.sub(b"", served)

    @property
    def feeds(self) -> list[str]:
        """Paths of all iCalendar files."""
        found = sorted((self.folder / "ical").rglob("*.ics"))
        return [f"/{path.relative_to(self.folder)}" for path in found]


@pytest.fixture(scope="module")
def site(synced_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticSite]:
    folder = tmp_path_factory.mktemp("export")
    nginx = tmp_path_factory.mktemp("nginx")
    with serving_origin(synced_database, tmp_path_factory.mktemp("origin")) as origin:
        done = run("export", str(folder / "site"), **origin.settings)
        assert done.returncode == 0, done.stderr
        assert re.search(r"site: \d+ files written, 0 removed, 0 unchanged\.", done.stdout)
        port = free_port()
        text = replace_placeholders(
            (ROOT / "docs/deploy/export-nginx.conf").read_text("utf-8"),
            {
                "listen 80;": f"listen 127.0.0.1:{port}; access_log off;",
                "/var/www/calendars": str(folder / "site"),
            },
        )
        with serving_with_nginx(nginx, text):
            yield StaticSite(f"http://127.0.0.1:{port}", folder / "site", origin)


def test_no_link_is_dead(site: StaticSite) -> None:
    """From the directory on, every address of this site that a page or a script's data names is
    answered with 200, without a redirect.
    """
    waiting, visited, broken = ["/"], set(), []
    while waiting:
        path = waiting.pop()
        got = site.get(path)
        if got.status_code != 200:
            broken.append((path, got.status_code))
        if not got.headers["Content-Type"].startswith("text/html"):
            continue
        for link in LINK.findall(got.text):
            target = urlsplit(urljoin(f"https://{HOST}{path}", unescape(link)))
            if target.netloc != HOST or target.scheme == "webcal":
                continue
            address = f"{target.path}?{target.query}" if "lang=" in target.query else target.path
            if address not in visited:
                visited.add(address)
                waiting.append(address)
    assert broken == []
    kinds = {address.split("/")[1] for address in visited}
    assert {"facility", "property", "ical", "poster", "booking", "embed", "static"} <= kinds


def test_addresses_have_the_bytes_and_types_of_the_server(site: StaticSite) -> None:
    """In both languages, plain and compressed, at the addresses that people have."""
    facility, school = site.origin.facility, site.origin.school
    for path in (
        *(f"/ical/facility/{facility}.{suffix}" for suffix in ("ics", "json", "csv", "atom")),
        f"/ical/property/{school}.ics",
        "/robots.txt",
        "/sitemap.xml",
        f"/poster/facility/{facility}",
        f"/qr/facility/{facility}.svg",
        f"/embed/property/{school}",
        "/embed.js",
        *re.findall(r'"(/static/[^"]+)"', site.get("/").text),
    ):
        for coding in ("identity", "gzip"):
            expected = site.origin.get(path, Accept_Encoding=coding)
            got = site.get(path, Accept_Encoding=coding)
            assert got.status_code == expected.status_code == 200, path
            assert got.content == expected.content or "Content-Encoding" not in expected.headers
            if not site.is_as_served(path):  # a booking has begun or ended since the export
                site.update()
                assert site.is_as_served(path), path
            for name in SAME_HEADERS:
                assert got.headers[name] == expected.headers[name], (path, name)
            kinds = [each.headers["Content-Type"].split(";") for each in (got, expected)]
            assert kinds[0][0] == kinds[1][0], path
            assert kinds[0][1:] == [" charset=utf-8"] or ".png" in path or ".ico" in path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/poster/facility/{}",
        pytest.param("/facility/{}", marks=pytest.mark.soak),
        pytest.param("/build", marks=pytest.mark.soak),
    ],
)
def test_language_is_chosen_as_the_server_does(site: StaticSite, path: str) -> None:
    """By the address, else by the browser."""
    address = path.format(site.origin.facility)
    assert '<html lang="en"' in site.get(address).text
    assert '<html lang="es"' in site.get(f"{address}?lang=es").text
    assert '<html lang="es"' in site.get(address, Accept_Language="es-MX,es;q=0.9").text
    assert '<html lang="en"' in site.get(f"{address}?lang=en", Accept_Language="es").text


def test_display_gets_its_data(site: StaticSite) -> None:
    """In its language, with what the script and the worker look for."""
    for query in ("", "?lang=es"):
        page = site.get(f"/display/property/{site.origin.school}{query}")
        served = site.origin.get(f"/display/property/{site.origin.school}{query}")
        for name in SAME_HEADERS:
            assert page.headers[name] == served.headers[name]
        (data,) = re.findall(r'data-path="([^"]+)"', page.text)
        got = site.get(unescape(data))
        assert got.json()["version"]
        assert got.headers["X-Icalbridge"]
        assert got.headers["Date"]


def test_what_is_not_there_is_explained(site: StaticSite) -> None:
    """An unknown address is 404, in words; what needs the server says so; nothing of ours leaks."""
    for path in ("/facility/unknown", "/ical/facility/unknown.ics", "/.icalbridge-export.json"):
        assert site.get(path).status_code == 404
    assert "This is not in this copy of the site" in site.get("/nowhere").text
    for path in ("/free?at=now", "/build?feed=x", "/booking/xyz", "/status", "/api/v1/properties"):
        got = site.get(path)
        assert (got.status_code, "This is not in this copy of the site" in got.text) == (200, True)


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(reader, marks=() if reader == "icalendar" else pytest.mark.soak)
        for reader in READERS
    ],
)
def test_readers_take_every_feed(site: StaticSite, reader: str) -> None:
    """All of it: the bytes are the server's, and events are read out of them."""
    assert len(site.feeds) >= 4
    for path in site.feeds:
        body = site.get(path).content
        assert body == site.origin.get(path).content
        assert READERS[reader](body)
