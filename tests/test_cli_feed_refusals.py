"""`icalbridge feed`: every mistake is one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.feed_shells import NO_HALL, PLAIN, TOML, Shell
from tests.web_world import add_catalogue, empty_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The database that the commands work on, with a catalogue."""
    opened = empty_store(tmp_path)
    add_catalogue(opened)
    yield opened
    opened.close()


@pytest.fixture
def shell(store: Store, tmp_path: Path) -> Shell:
    return Shell(store, tmp_path)


NOT_PENDING = (
    "icalbridge: Feed 'x': bookings that are still pending are not shown in public; set "
    "ICALBRIDGE_PUBLIC_PENDING to 1, or leave them out of status.\n"
)
UNKNOWN = "icalbridge: There is no feed 'x'; `icalbridge feed list` shows them all.\n"


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (("show", "x"), 1, UNKNOWN),
        (("edit", "x", "--name", "y"), 1, UNKNOWN),
        (("remove", "x", "--yes"), 1, UNKNOWN),
        (("remove", "x"), 1, UNKNOWN),
        (("export", "x"), 1, UNKNOWN),
        (("token", "add", "x", "y"), 1, UNKNOWN),
        (("token", "list", "x"), 1, UNKNOWN),
        (
            ("token", "revoke", "7"),
            1,
            (
                "icalbridge: There is no private address 7 in use; `icalbridge feed token list`"
                " shows them all.\n"
            ),
        ),
        (
            ("add", "x"),
            2,
            (
                "icalbridge: Feed 'x' shows nothing; name properties, facilities, or events to"
                " include.\n"
            ),
        ),
        (
            ("add", "A", "--facility", "gym"),
            2,
            (
                "icalbridge: The slug 'A' of a feed must be 1 to 60 of the characters a-z, 0-9 and"
                " -.\n"
            ),
        ),
        (("add", "x", "--facility", "hall"), 2, NO_HALL),
        (
            ("add", "x", "--facility", "gym", "--past", "soon"),
            2,
            "icalbridge: Feed 'x': past must be a whole number of days.\n",
        ),
        (("add", "x", "--facility", "gym", "--status", "pending"), 2, NOT_PENDING),
        (
            ("import", "nowhere.toml"),
            2,
            "icalbridge: nowhere.toml cannot be read: no such file or directory.\n",
        ),
    ],
)
def test_mistake_is_one_sentence(
    shell: Shell, args: tuple[str, ...], code: int, sentence: str
) -> None:
    """On standard error; 2 for what was typed, 1 for what is not there."""
    assert shell.refuses(*args) == (code, sentence)


def test_slug_that_is_taken_is_not_written_over(shell: Shell) -> None:
    """Adding adds; editing edits."""
    shell.says("add", "x", "--facility", "gym")
    assert shell.refuses("add", "x", "--facility", "pool") == (
        1,
        "icalbridge: There is a feed 'x' already; change it with `icalbridge feed edit x`.\n",
    )


def test_file_for_one_feed_holds_that_feed(shell: Shell) -> None:
    """Its slug may be left out, but not be another."""
    path = shell.file(PLAIN)
    assert shell.refuses("add", "x", "--file", path) == (
        2,
        f"icalbridge: {path} holds another feed; leave its slug out, or name it as 'x'.\n",
    )
    path = shell.file(PLAIN + TOML)
    assert shell.refuses("add", "x", "--file", path) == (
        2,
        f"icalbridge: {path} must hold one feed; several are read by `icalbridge feed import`.\n",
    )
    assert (
        shell.says("add", "x", "--file", shell.file("[[feed]]\nproperties = ['school']\n"))
        == "/ical/feed/x.ics\n"
    )
