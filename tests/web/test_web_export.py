"""`icalbridge export`: the bytes of `serve` as files, and only those that changed."""

from __future__ import annotations

import fcntl
import gzip
from dataclasses import replace
from shutil import copy, copytree
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import ConfigurationError, ExportError
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.store import Store
from icalbridge.web import create_app
from icalbridge.web.export import Exporter
from icalbridge.web.export_tree import LOCK, MANIFEST, opened_tree
from tests.samples import GYM, NOW, POOL, entry
from tests.web_world import (
    PRIVATE,
    PUBLIC,
    Clock,
    add_catalogue,
    added,
    empty_store,
    filled_store,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.settings import Settings
    from icalbridge.web.export_tree import ExportTree

pytestmark = pytest.mark.xdist_group("export")  # one export serves all of them

ADDRESSES = {
    "/": "index.html",
    "/?lang=es": "index.es.html",
    "/facility/gym": "facility/gym.html",
    "/facility/gym?lang=es": "facility/gym.es.html",
    "/property/district": "property/district.html",
    "/facility/odd.id%20%C3%A9%2F1": "facility/odd.id é/1.html",
    "/ical/facility/odd.id%20%C3%A9%2F1.ics": "ical/facility/odd.id é/1.ics",
    "/ical/facility/gym.ics": "ical/facility/gym.ics",
    "/ical/property/school.json": "ical/property/school.json",
    "/ical/feed/gyms.csv": "ical/feed/gyms.csv",
    "/ical/property/school.atom": "ical/property/school.atom",
    "/embed/facility/gym": "embed/facility/gym.html",
    "/embed/feed/gyms?lang=es": "embed/feed/gyms.es.html",
    "/display/property/school": "display/property/school.html",
    "/display/property/school.json": "display/property/school.json",
    "/display/property/school.json?lang=es": "display/property/school.es.json",
    "/poster/facility/gym": "poster/facility/gym.html",
    "/qr/facility/gym.svg": "qr/facility/gym.svg",
    "/robots.txt": "robots.txt",
    "/sitemap.xml": "sitemap.xml",
    "/embed.js": "embed.js",
    "/display/sw.js": "display/sw.js",
    "/favicon.ico": "favicon.ico",
    "/static/pages.css": "static/pages.css",
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled database with a saved feed for all and one for staff, and the export of it."""
    whole = tmp_path_factory.mktemp("exported")
    opened = filled_store(whole)
    staff = Saved("staff", "Staff", facility_ids=("gym",), audience="staff")  # type: ignore[arg-type]
    gyms = Saved("gyms", "All gyms", facility_ids=("gym", "pool"))
    opened.saved.put([to_keep(gyms), to_keep(staff)], now=NOW)
    export(opened, whole / "site")
    opened.close()
    return whole


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of that export; files keep their times."""
    return copytree(exported / "site", tmp_path / "site")


@pytest.fixture
def store(exported: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of that database."""
    opened = Store.connect(f"sqlite:///{copy(exported / 'bridge.db', tmp_path)}")
    yield opened
    opened.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """A school with two facilities, of which nothing was exported yet."""
    store = empty_store(tmp_path)
    add_catalogue(store, {"school": [GYM, POOL]})
    sync(store, "school", added([entry(-1, uid="now"), entry(26, uid="pool", facility=POOL)]))
    yield store
    store.close()


def export(
    store: Store, folder: Path, clock: Clock | None = None, settings: Settings = PUBLIC
) -> ExportTree:
    exporter = Exporter(settings, store, clock=clock or Clock())
    with opened_tree(folder) as tree:
        exporter.export(tree, lambda _done, _total: None)
    return tree


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the inode and the bytes of every file: a file that was written anew has another."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def changed(before: dict[str, tuple[int, bytes]], folder: Path) -> set[str]:
    after = contents(folder)
    names = {name for name, content in after.items() if before.get(name) != content}
    return {name for name in names if not name.endswith(".gz")}


def test_files_have_the_bytes_of_the_server(store: Store, folder: Path) -> None:
    """And a compressed copy beside them, also the server's."""
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    for address, name in ADDRESSES.items():
        response = client.get(address)
        assert response.status_code == 200
        assert (folder / name).read_bytes() == response.data, address
        packed = (folder / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == response.data
        sent = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in sent.headers or packed == sent.data


def test_what_is_not_public_or_was_never_fetched_is_not_there(folder: Path) -> None:
    """Private feeds, unfetched schools, what needs the server."""
    names = "\n".join(contents(folder))
    assert "staff" not in names
    assert "never" not in names
    assert "private" not in names
    for name in ("build", "free", "embed", "status", "booking", "404", "api/v1"):
        assert "This is not in this copy of the site" in (folder / f"{name}.html").read_text()
        assert "Esto no está en esta copia del sitio" in (folder / f"{name}.es.html").read_text()


def test_unchanged_export_writes_nothing(store: Store, folder: Path) -> None:
    """Not even the manifest; a minute later neither."""
    clock = Clock()
    before = contents(folder)
    again = export(store, folder, clock)
    clock.advance(60)
    later = export(store, folder, clock)
    assert contents(folder) == before
    assert (again.written, later.written) == (0, 0)
    assert again.unchanged == sum(name.endswith(".gz") for name in before)


def test_export_counts_no_readers(small: Store, tmp_path: Path) -> None:
    """It asks for every calendar itself, and is no subscriber."""
    exporter = Exporter(PUBLIC, small, clock=Clock())
    with opened_tree(tmp_path / "site") as tree:
        exporter.export(tree, lambda _done, _total: None)
    exporter._service.readers.write()
    assert (tmp_path / "site/ical/facility/gym.ics").exists()
    assert small.readers.counts(since=NOW.date()) == []


def test_change_writes_its_places_only(store: Store, folder: Path) -> None:
    """The facility's and its school's feeds and pages, and the directory."""
    before = contents(folder)
    clock = Clock()
    clock.advance(5)
    sync(store, "school", added([entry(3, uid="new", event_id="new", name="Chess")]), now=clock())
    export(store, folder, clock)
    names = changed(before, folder)
    assert {"ical/facility/gym.ics", "ical/property/school.csv", "facility/gym.html"} <= names
    assert not [name for name in names if "pool" in name or "alone" in name or "odd" in name]
    assert b"Chess" in (folder / "ical/facility/gym.ics").read_bytes()


def test_what_time_alone_changes_is_rendered_anew(store: Store, folder: Path) -> None:
    """The next day pages and displays show another day; a feed only where its span moved on."""
    clock = Clock()
    before = contents(folder)
    clock.advance(86_400)
    export(store, folder, clock)
    names = changed(before, folder)
    assert {"facility/gym.html", "index.html", "display/property/school.json"} <= names
    client = create_app(PUBLIC, store, clock=clock).test_client()
    for address, name in ADDRESSES.items():
        assert (folder / name).read_bytes() == client.get(address).data, address


def test_what_is_gone_is_removed_and_nothing_else(store: Store, folder: Path) -> None:
    """With its compressed copy and empty folders; other people's files stay."""
    (folder / "CNAME").write_text("calendars.example.org")
    store.saved.remove("gyms")
    tree = export(store, folder)
    assert tree.removed > 0
    assert not (folder / "ical/feed").exists()
    assert not (folder / "display/feed").exists()
    assert (folder / "CNAME").read_text() == "calendars.example.org"


def test_deleted_and_damaged_files_come_back(store: Store, folder: Path) -> None:
    before = contents(folder)
    (folder / "facility/gym.html").unlink()
    (folder / "robots.txt").write_text("x")
    export(store, folder)
    after = contents(folder)
    assert {name: body for name, (_, body) in after.items()} == {
        name: body for name, (_, body) in before.items()
    }


def test_another_public_address_changes_every_page(small: Store, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    export(small, folder)
    other = replace(PUBLIC, public_url="https://other.example.org/calendars")
    export(small, folder, settings=other)
    assert b"calendars.example.org" not in b"".join(body for _, body in contents(folder).values())
    assert (folder / "_redirects").read_text() == "/calendars/booking/* /calendars/booking 200\n"


# folders


def test_folder_with_other_files_is_refused(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="is not empty, and no export made it"):
        export(store, folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_file_of_somebody_else_in_the_way_is_refused(store: Store, folder: Path) -> None:
    (folder / "ical/facility").joinpath("new.ics").write_text("mine")
    store.saved.put([to_keep(Saved("more", "More", facility_ids=("gym",)))], now=NOW)
    (folder / "ical/feed/more.ics").write_text("mine")
    with pytest.raises(ExportError, match=r"more\.ics is in the way"):
        export(store, folder)
    assert (folder / "ical/feed/more.ics").read_text() == "mine"
    assert (folder / "ical/facility/new.ics").read_text() == "mine"


def test_second_export_at_once_is_refused(store: Store, folder: Path) -> None:
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ExportError, match=r"Another export into .* is running"):
            export(store, folder)


@pytest.mark.parametrize("killed", [False, True])
def test_interrupted_export_is_taken_up_again(small: Store, tmp_path: Path, killed: bool) -> None:
    """What is there is whole; the next export completes it, also where the first was killed."""
    folder = tmp_path / "site"
    exporter = Exporter(PUBLIC, small, clock=Clock())

    class Interrupted(Exception):
        """Stands for Ctrl-C or a power failure."""

    def stop(done: int, _total: int) -> None:
        if done == 40:
            raise Interrupted

    def run() -> None:
        with opened_tree(folder) as tree:
            if killed:
                tree.interrupt = lambda: None  # type: ignore[method-assign]  # nobody records it
            exporter.export(tree, stop)

    with pytest.raises(Interrupted):
        run()
    half = contents(folder)
    assert 40 <= len(half) < 100
    tree = export(small, folder)
    whole = contents(folder)
    assert {name for name in half if name != MANIFEST} <= {
        name for name in whole if whole[name][1] == half.get(name, (0, b""))[1]
    }
    assert (tree.unchanged > 0) is not killed
    assert export(small, folder).written == 0


def test_manifest_that_cannot_be_read_is_a_sentence(store: Store, folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    with pytest.raises(ExportError, match="cannot be read; empty the folder"):
        export(store, folder)


def test_export_needs_a_public_address(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="ICALBRIDGE_PUBLIC_URL is not set"):
        Exporter(PRIVATE, store)


def test_headers_are_those_of_the_server(store: Store, folder: Path) -> None:
    """By pattern, few enough for every host, and none of them overlaps with another."""
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    rules: dict[str, dict[str, str]] = {}
    for line in (folder / "_headers").read_text().splitlines():
        if line.startswith("/"):
            rules[line] = current = {}
        else:
            name, _, text = line.strip().partition(": ")
            current[name] = text
    assert len(rules) < 100
    for address, pattern in {
        "/ical/facility/gym.ics": "/ical/*.ics",
        "/facility/gym": "/facility/*",
        "/embed/facility/gym": "/embed/*",
        "/display/sw.js": "/display/*",
        "/": "/",
    }.items():
        sent = client.get(address).headers
        assert rules[pattern].items() <= dict(sent).items()
        assert rules[pattern]["Content-Security-Policy"] == sent["Content-Security-Policy"]
    assert rules["/ical/*.ics"]["Content-Type"] == "text/calendar; charset=utf-8"
    assert rules["/ical/*.ics"]["Access-Control-Allow-Origin"] == "*"
    assert rules["/ical/*.ics"]["Cache-Control"].startswith("public, max-age=60")
