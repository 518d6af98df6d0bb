"""`icalbridge places`: the directory as a table and as JSON, narrowed as its search does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.commands import run, run_process
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
    shown = run_process("places", "lincoln", **given)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.rstrip() for line in shown.stdout.splitlines()] == [
        "Place         Kind       ID      Address",
        "Lincoln High             school  /property/school",
        "  Main Gym    Gymnasium  gym     /facility/gym",
        "  Pool        Pool       pool    /facility/pool",
    ]


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
