"""`icalbridge places`: the directory as a table and as JSON, narrowed as its search does."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.commands import environment, run
from tests.web_world import HOSTILE, PUBLIC, Clock, empty_store, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.store import Store

SITE = "https://calendars.example.org"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A district, three schools with odd names, and one that was never fetched; it stays open, as
    under a running `serve`.
    """
    opened = filled_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def given(store: Store) -> dict[str, str]:
    """The database, and an API at an address where nobody answers."""
    return {
        "DATABASE_URL": str(store.engine.url),
        "FACILITRON_API_KEY": "unused",
        "FACILITRON_API_URL": "http://127.0.0.1:1/v1",
    }


def _ids(parsed: dict[str, list[dict[str, object]]]) -> dict[object, list[object]]:
    return {
        school["id"]: [facility["id"] for facility in school["facilities"]]  # type: ignore[attr-defined]
        for school in parsed["properties"]
    }


def test_table_groups_facilities_by_school(given: dict[str, str]) -> None:
    """A line a place: its name below its school's, its kind, its id and its page."""
    shown = run("places", "lincoln", **given)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.rstrip() for line in shown.stdout.splitlines()] == [
        "Place         Kind       ID      Address",
        "Lincoln High             school  /property/school",
        "  Main Gym    Gymnasium  gym     /facility/gym",
        "  Pool        Pool       pool    /facility/pool",
    ]


def test_narrow_terminal_breaks_no_id(given: dict[str, str]) -> None:
    """Names and addresses go on below; an id is copied as one word."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm", "COLUMNS": "34", "ICALBRIDGE_PUBLIC_URL": SITE}
    with subprocess.Popen(
        [sys.executable, "-m", "icalbridge", "places", "brand-new"],
        env=environment(given | settings),
        stdout=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux: the other side has closed the terminal
            while part := os.read(ours, 65_536):
                shown += part
        os.close(ours)
    assert process.returncode == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()
    assert max(map(len, lines)) <= 34
    start = lines[0].index("ID")
    ids = [line[start:].split()[0] for line in lines if line[start : start + 1].strip()]
    assert ids == ["ID", "never", "never-gym"]
    address = lines[0].index("Address")
    assert "".join(line[address:].strip() for line in lines[1:]) == (
        f"{SITE}/property/never{SITE}/facility/never-gym"
    )


def test_all_places_are_listed_without_words(given: dict[str, str]) -> None:
    """Districts, schools and facilities in the directory's order; odd names as they are."""
    parsed = json.loads(run("places", "--json", **given).stdout)
    assert _ids(parsed) == {
        "district": [],
        "school": ["gym", "pool"],
        "odd": ["long", "odd.id é/1", "rtl"],
        "alone": ["nameless"],
        "never": ["never-gym"],
    }
    assert parsed["properties"][2]["name"] == HOSTILE


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["LINCOLN", "gym"], {"school": ["gym"]}),
        (['"main gym"'], {"school": ["gym"]}),
        (["phoenix"], {"alone": ["nameless"]}),
        (["体育館"], {"odd": ["odd.id é/1"]}),
        (["sunny union"], {"district": []}),
    ],
)
def test_words_narrow_as_the_search_of_the_directory(
    given: dict[str, str], words: list[str], ids: dict[str, list[str]]
) -> None:
    """All words, in any order, without case; a school's own words bring its facilities."""
    assert _ids(json.loads(run("places", *words, "--json", **given).stdout)) == ids


def test_addresses_are_absolute_and_lead_somewhere(given: dict[str, str], store: Store) -> None:
    """Below `ICALBRIDGE_PUBLIC_URL`; each page and calendar is there, if only as never synced."""
    parsed = json.loads(run("places", "--json", ICALBRIDGE_PUBLIC_URL=SITE, **given).stdout)
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    for school in parsed["properties"]:
        for place in (school, *school["facilities"]):
            status = 503 if place["id"] in ("never", "never-gym") else 200
            for address in (place["page"], place["calendar"]):
                assert address.startswith(f"{SITE}/")
                assert client.get(address.removeprefix(SITE)).status_code == status
    shown = run("places", "gym", ICALBRIDGE_PUBLIC_URL=SITE, COLUMNS="200", **given).stdout
    assert f"{SITE}/facility/gym" in shown.split()


def test_no_match_is_a_sentence_and_code_1(given: dict[str, str]) -> None:
    """Nothing is on stdout then, not even with `--json`."""
    for words in (["quidditch"], ["!?"]):
        ended = run("places", *words, "--json", **given)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (
            f"icalbridge: No school or facility matches {words[0]!r}; try fewer words, or none to"
            " list all.\n"
        )


def test_empty_catalog_says_what_to_do(tmp_path: Path) -> None:
    """Before the first sync, nothing can match."""
    empty_store(tmp_path).close()
    ended = run("places", DATABASE_URL=f"sqlite:///{tmp_path}/bridge.db")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "icalbridge: No school is known here yet; run `icalbridge sync` first.\n"
    )
