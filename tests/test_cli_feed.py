"""`icalbridge feed`: saved feeds and private addresses from the command line, as an operator types
it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import Changes, SavedFeed
from icalbridge.tokens import digest
from tests.fixtures.feed_shells import NO_HALL, PLAIN, TOML, Shell
from tests.samples import NOW
from tests.web_world import DISTRICT, USER, add_catalogue, empty_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.store import Store

URL = "https://calendars.example.org"


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


def test_feed_is_added_shown_and_changed(shell: Shell) -> None:
    """Options make the table; only what is given changes; an empty text takes away what was there."""
    options = (
        "--name",
        "All gyms",
        "--facility",
        "gym",
        "--facility",
        "pool",
        "--past",
        "7",
        "--field",
        "name",
    )
    assert (
        shell.says("add", "gyms", *options, ICALBRIDGE_PUBLIC_URL=URL)
        == f"{URL}/ical/feed/gyms.ics\n"
    )
    assert (
        shell.says("show", "gyms")
        == '[[feed]]\nslug = "gyms"\nname = "All gyms"\nfacilities = [\n    "gym",\n   '
        ' "pool",\n]\n'
        'fields = [\n    "name",\n]\npast = 7\n'
    )
    assert (
        shell.says("edit", "gyms", "--past", "", "--field", "", "--facility", "gym")
        == "gyms: changed\n"
    )
    shown = '[[feed]]\nslug = "gyms"\nname = "All gyms"\nfacilities = [\n    "gym",\n]\n'
    assert shell.says("show", "gyms") == shown
    assert shell.says("edit", "gyms", "--name", "All gyms") == "gyms: unchanged\n"
    assert shell.says("show", "gyms") == shown


def test_every_option_of_a_feed_arrives(shell: Shell) -> None:
    """Each under its key."""
    options = {
        "--name": "N",
        "--description": "D",
        "--colour": "teal",
        "--audience": "staff",
        "--property": "school",
        "--facility": "gym",
        "--field": "renter",
        "--past": "0",
        "--ahead": "9",
        "--status": "pending",
        "--cancelled": "mark",
        "--detail": "busy",
        "--group": "event",
        "--tz": "utc",
        "--title": "{facility}",
        "--include": "reservation/e1",
        "--exclude": "reservation/e2",
    }
    shell.says("add", "all", *(text for pair in options.items() for text in pair))
    assert re.sub(r"\[\n +(.*),\n\]", r"[\1]", shell.says("show", "all")).splitlines() == [
        "[[feed]]",
        'slug = "all"',
        'name = "N"',
        'description = "D"',
        'colour = "teal"',
        'audience = "staff"',
        'properties = ["school"]',
        'facilities = ["gym"]',
        'fields = ["renter"]',
        "past = 0",
        "ahead = 9",
        'status = ["pending"]',
        'cancelled = "mark"',
        'detail = "busy"',
        'group = "event"',
        'tz = "utc"',
        'title = "{facility}"',
        'include = ["reservation/e1"]',
        'exclude = ["reservation/e2"]',
    ]


def test_feed_of_a_file_takes_its_rules_along(shell: Shell) -> None:
    """Options win over the file; who it is for is told where it has no public address."""
    said = shell.says("add", "gyms", "--file", shell.file(TOML), "--past", "8")
    assert (
        said == "It is for staff only; make a private address with `icalbridge feed token add gyms"
        " NAME`.\n"
    )
    assert shell.says("show", "gyms") == TOML.replace("past = 7", "past = 8")


def test_import_and_export_are_each_other_s_reverse(shell: Shell) -> None:
    """Importing says what it did, and a second time does nothing; feeds that are not named stay."""
    path = shell.file(f"{TOML}\n{PLAIN}")
    assert shell.says("import", path) == "gyms: added\nplain: added\n"
    assert shell.says("import", path) == "gyms: unchanged\nplain: unchanged\n"
    assert shell.says("export") == f"{TOML}\n{PLAIN}"
    assert shell.says("export", "plain") == PLAIN
    alone = shell.run_process("export", "plain")
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, PLAIN, "")
    assert (
        shell.says("import", shell.file(TOML.replace("past = 7", "past = 8"))) == "gyms: changed\n"
    )
    assert shell.says("export") == f"{TOML.replace('past = 7', 'past = 8')}\n{PLAIN}"


def test_import_with_a_mistake_writes_nothing(shell: Shell, store: Store) -> None:
    """Not even the feeds before it."""
    code, sentence = shell.refuses(
        "import", shell.file(f'{TOML}\n[[feed]]\nslug = "b"\nproperties = ["nowhere"]\n')
    )
    assert code == 2
    assert (
        sentence
        == "icalbridge: Feed 'b': There is no school 'nowhere' here; look it up with `icalbridge"
        " places`, or run `icalbridge sync` first.\n"
    )
    assert store.saved.feeds() == []


def test_place_that_is_no_longer_listed_is_warned_of(shell: Shell, store: Store) -> None:
    """It keeps no feed from being added, changed or imported; what was never seen still does."""
    places = ("--facility", "gym", "--facility", "pool", "--property", "school")
    shell.says("add", "x", *places)
    store.write.apply_catalog(USER, [DISTRICT], {"school": []}, Changes(), now=NOW)
    warnings = "".join(
        f"icalbridge: Feed 'x': the catalog no longer lists the {each}; what is known of it is"
        " shown all the same.\n"
        for each in ("property 'school'", "facility 'gym'", "facility 'pool'")
    )
    for args, said in (
        (("edit", "x", "--name", "Y"), "x: changed\n"),
        (("import", shell.file(shell.says("export"))), "x: changed\n"),
        (("add", "z", *places), "/ical/feed/z.ics\n"),
    ):
        done = shell.run(*args)
        told = done.stderr.replace("'z'", "'x'")
        assert (done.returncode, done.stdout, told) == (0, said, warnings)
    never = ("edit", "x", "--facility", "gym", "--facility", "hall")
    assert shell.refuses(*never) == (2, NO_HALL)


def test_feeds_are_listed(shell: Shell) -> None:
    """With who they are for, how many subscribers they have, and where they live."""
    shell.says("import", shell.file(f"{TOML}\n{PLAIN}"))
    shell.run("token", "add", "gyms", "Coach")
    listed = shell.says("list", ICALBRIDGE_PUBLIC_URL=URL)
    assert [re.split(r"  +", line.strip()) for line in listed.splitlines()] == [
        ["Slug", "Name", "Audience", "Subscribers", "Address"],
        ["gyms", "All gyms", "staff", "1", "private"],
        ["plain", "–", "public", "0", f"{URL}/ical/feed/plain.ics"],
    ]


def test_feed_of_another_version_keeps_no_other_from_being_read(shell: Shell, store: Store) -> None:
    """It is listed with a sentence, and left out of an export, which says so and fails."""
    shell.says("import", shell.file(f"{TOML}\n{PLAIN}"))
    store.saved.add(
        SavedFeed("new", "New", '[[feed]]\nslug = "new"\nbanner = "x"\n', ("school",)), now=NOW
    )
    assert [re.split(r"  +", line.strip()) for line in shell.says("list").splitlines()[1:]] == [
        ["gyms", "All gyms", "staff", "0", "private"],
        [
            "new",
            "New",
            "–",
            "0",
            "This version cannot read it; `icalbridge feed show new` says why.",
        ],
        ["plain", "–", "public", "0", "/ical/feed/plain.ics"],
    ]
    sentence = (
        "icalbridge: This version cannot read 'new', left out here; `icalbridge feed show new` says"
        " why.\n"
    )
    for slugs, exported in (((), f"{TOML}\n{PLAIN}"), (("new", "plain"), PLAIN)):
        done = shell.run("export", *slugs)
        assert (done.returncode, done.stdout, done.stderr) == (1, exported, sentence)
    code, reason = shell.refuses("show", "new")
    assert (code, reason.partition(";")[0]) == (2, "icalbridge: Feed 'new' has no key 'banner'")
    assert shell.says("token", "list", "new").split() == [
        "ID",
        "Feed",
        "Subscriber",
        "Created",
        "Last",
        "used",
        "Revoked",
    ]
    assert shell.says("remove", "new", "--yes") != ""
    assert store.saved.feed("new") is None


def test_token_is_shown_once_and_listed_without_its_secret(shell: Shell, store: Store) -> None:
    """The address goes to standard output, all else to standard error; revoking it touches no
    other.
    """
    shell.says("import", shell.file(TOML))
    made = shell.run("token", "add", "gyms", "Coach  Carter", ICALBRIDGE_PUBLIC_URL=URL)
    (token,) = re.findall(rf"\A{URL}/ical/private/([A-Za-z0-9_-]{{43}})\.ics\n\Z", made.stdout)
    assert (
        made.stderr
        == "This is the private address 1 of 'gyms' for Coach  Carter. Copy it now: it will not be"
        " shown again.\n"
    )
    bare = shell.run("token", "add", "gyms", "Other").stdout
    assert re.fullmatch(r"/ical/private/[A-Za-z0-9_-]{43}\.ics\n", bare)
    assert store.saved.token(digest(token)) is not None
    assert (
        shell.says("token", "revoke", "1")
        == "The private address 1 is revoked; it means nothing a second from now.\n"
    )
    assert store.saved.token(digest(token)) is None
    for listed in (shell.says("token", "list"), shell.says("token", "list", "gyms")):
        lines = [re.split(r"  +", line.strip()) for line in listed.splitlines()]
        assert lines[0] == ["ID", "Feed", "Subscriber", "Created", "Last used", "Revoked"]
        assert [(line[0], line[1], line[-2], line[-1] == "–") for line in lines[1:]] == [
            ("1", "gyms", "–", False),
            ("2", "gyms", "–", True),
        ]
        assert token not in listed


def test_feed_is_removed_with_its_tokens_once_that_was_confirmed(
    shell: Shell, store: Store
) -> None:
    """Without an answer it stays."""
    shell.says("import", shell.file(f"{TOML}\n{PLAIN}"))
    shell.run("token", "add", "gyms", "Coach")
    sentence = "icalbridge: There is no terminal to ask on; add --yes to remove 'All gyms'.\n"
    assert shell.refuses("remove", "gyms") == (2, sentence)
    assert len(store.saved.feeds()) == 2
    assert shell.says("remove", "gyms", "--yes") == "gyms: removed\n"
    assert [each.slug for each in store.saved.feeds()] == ["plain"]
    assert store.saved.tokens() == []
