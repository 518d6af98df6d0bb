"""`icalbridge.feeds.saved_feed_toml`: saved feeds as TOML; exact there and back, and one sentence for every
mistake.
"""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import ALLOWED, Audience, Field
from icalbridge.feeds.colors import NAMES
from icalbridge.feeds.query import Cancelled, FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.feeds.saved_feed_toml import (
    BadSpec,
    parse_saved_feed,
    read_feed,
    read_feeds,
    table_of,
    write_feeds,
)
from icalbridge.models import EventKey, SavedFeed

FULL = """[[feed]]
slug = "staff-gyms"
name = "All gyms"
description = "For the \\"athletics\\" office"
colour = "teal"
audience = "staff"
properties = [
    "district",
]
facilities = [
    "gym",
    "pool",
]
fields = [
    "name",
    "facility",
    "renter",
]
past = 0
ahead = 90
status = [
    "approved",
    "pending",
]
cancelled = "mark"
detail = "busy"
group = "event"
tz = "utc"
title = "{facility}: {name}"
include = [
    "reservation/e1",
]
exclude = [
    "reservation/e/2",
]

[[feed.rules]]
action = "rename"
title = "Sports"
q = "high practice"
category = [
    "nonprofit",
]

[[feed.rules]]
action = "hide"

[[feed]]
slug = "plain"
properties = [
    "school",
]
"""
SPEC = Saved(
    "staff-gyms",
    "All gyms",
    'For the "athletics" office',
    "teal",
    Audience.STAFF,
    ("district",),
    ("gym", "pool"),
    frozenset({Field.NAME, Field.FACILITY, Field.RENTER}),
    FeedQuery(
        past=0,
        ahead=90,
        status=("approved", "pending"),
        cancelled=Cancelled.MARK,
        busy=True,
        grouped=True,
        utc=True,
        title="{facility}: {name}",
    ),
    (
        Rule(Action.RENAME, words=("high", "practice"), category=("nonprofit",), title="Sports"),
        Rule(Action.HIDE),
    ),
    frozenset({EventKey("reservation", "e1")}),
    frozenset({EventKey("reservation", "e/2")}),
)


def test_file_is_read_as_it_says() -> None:
    """Every key of a feed and of a rule; a feed with one key beside its slug is as feeds are by
    themselves.
    """
    assert read_feeds(FULL) == (SPEC, Saved("plain", property_ids=("school",)))


def test_file_is_written_as_it_was_read() -> None:
    """To the byte, when it was in order."""
    assert write_feeds(read_feeds(FULL)) == FULL


def test_no_feeds_are_an_empty_file() -> None:
    """There and back."""
    assert read_feeds("") == ()
    assert read_feeds(write_feeds([])) == ()


lines = st.text("aZ9 é中\U0001f3c0,\"'\\\\{}[]#=", max_size=8).map(str.strip)
ids = st.lists(lines.filter(bool), min_size=1, max_size=3, unique=True).map(
    lambda some: tuple(sorted(some))
)
keys = st.frozensets(
    st.builds(EventKey, st.sampled_from(["reservation", "Ä"]), lines.filter(bool)), max_size=3
)
folded_words = st.sampled_from([(), ("gala",), ("a", "zwei")])
rules = st.builds(
    Rule,
    st.sampled_from([Action.HIDE, Action.RESERVE, Action.INCLUDE]),
    words=folded_words,
    category=folded_words,
    activity=folded_words,
) | st.builds(Rule, st.just(Action.RENAME), title=lines.filter(bool))
shapes = st.builds(
    FeedQuery,
    past=st.none() | st.integers(0, 3660),
    ahead=st.none() | st.integers(0, 3660),
    status=st.sampled_from([("approved",), ("pending",), ("approved", "pending")]),
    cancelled=st.sampled_from(Cancelled),
    busy=st.booleans(),
    grouped=st.booleans(),
    utc=st.booleans(),
    title=st.sampled_from(["", "{name}", "{type} - {name}"]),
)


@st.composite
def specs(draw: st.DrawFn) -> Saved:
    """Return any specification that can be written."""
    audience = draw(st.sampled_from(Audience))
    return Saved(
        slug=draw(st.text("ab9-", min_size=1, max_size=8)),
        name=draw(lines),
        description=draw(lines),
        colour=draw(st.sampled_from(["", "#00ff7f", *sorted(NAMES)])),
        audience=audience,
        property_ids=draw(ids),
        facility_ids=draw(ids | st.just(())),
        fields=draw(st.none() | st.frozensets(st.sampled_from(sorted(ALLOWED[audience])))),
        query=draw(shapes),
        rules=tuple(draw(st.lists(rules, max_size=3))),
        include=draw(keys),
        exclude=draw(keys),
    )


@settings(deadline=None)  # no machine's load may fail it
@given(st.lists(specs(), max_size=3, unique_by=lambda spec: spec.slug))
def test_round_trip_is_exact(some: list[Saved]) -> None:
    """Whatever is written reads back the same, and is then written the same."""
    text = write_feeds(some)
    assert list(read_feeds(text)) == some
    assert write_feeds(read_feeds(text)) == text


BASE: dict[str, object] = {"slug": "a", "properties": ["school"]}
FIELDS = "name, activity, facility, location, type"
OPERATIONS = (
    "Feed 'a': fields must be of those that the audience operations may see "
    f"({FIELDS}, attendance, reservation); 'phone' is not."
)
KEYS = (
    "slug, name, description, colour, audience, properties, facilities, fields, past, ahead,"
    " status, cancelled, detail, group, tz, title, include, exclude, rules"
)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"nam": "x"}, f"Feed 'a' has no key 'nam'; it takes {KEYS}."),
        ({"name": 5}, "Feed 'a': name must be a text of at most 1000 characters."),
        (
            {"name": "a\nb"},
            (
                "Feed 'a': name must be one line, with no control characters in it and no spaces"
                " around it."
            ),
        ),
        ({"properties": "school"}, "Feed 'a': properties must be a list of at most 1000 texts."),
        ({"properties": [5]}, "Feed 'a': properties must be a list of at most 1000 texts."),
        (
            {"properties": []},
            "Feed 'a' shows nothing; name properties, facilities, or events to include.",
        ),
        (
            {"colour": "sand"},
            "Feed 'a': colour must be a CSS3 colour name such as teal, or #rrggbb.",
        ),
        (
            {"colour": "#12345"},
            "Feed 'a': colour must be a CSS3 colour name such as teal, or #rrggbb.",
        ),
        ({"audience": "all"}, "Feed 'a': audience must be one of public, staff, operations."),
        (
            {"fields": ["renter"]},
            (
                f"Feed 'a': fields must be of those that the audience public may see ({FIELDS});"
                " 'renter' is not."
            ),
        ),
        ({"fields": ["phone"], "audience": "operations"}, OPERATIONS),
        ({"past": "3"}, "Feed 'a': past must be a whole number of days."),
        ({"past": True}, "Feed 'a': past must be a whole number of days."),
        ({"ahead": -1}, "Feed 'a': ahead must be a whole number from 0 to 3660."),
        (
            {"status": ["gone"]},
            "Feed 'a': status must be approved, pending, or both with a comma between them.",
        ),
        (
            {"status": []},
            "Feed 'a': status must be approved, pending, or both with a comma between them.",
        ),
        ({"cancelled": "keep"}, "Feed 'a': cancelled must be drop, mark or tombstone."),
        ({"detail": 1}, "Feed 'a': detail must be a text of at most 1000 characters."),
        ({"group": "day"}, "Feed 'a': group must be event."),
        (
            {"include": ["e1"]},
            "Feed 'a': include must be events as TYPE/ID, such as reservation/123; 'e1' is not.",
        ),
        (
            {"rules": {}},
            "Feed 'a': each rule begins with [[feed.rules]], in two brackets on either side.",
        ),
        ({"rules": [{}]}, "Rule 1 of feed 'a' lacks its action: hide, reserve, rename, include."),
        (
            {"rules": [{"action": "drop"}]},
            "Rule 1 of feed 'a': action must be one of hide, reserve, rename, include.",
        ),
        (
            {"rules": [{"action": "hide"}, {"action": "hide", "names": "x"}]},
            (
                "Rule 2 of feed 'a' has no key 'names'; it takes action, title, q, category,"
                " activity, type, name."
            ),
        ),
        ({"rules": [{"action": "rename"}]}, "Rule 1 of feed 'a' lacks the title to rename to."),
        (
            {"rules": [{"action": "hide", "title": "x"}]},
            "Rule 1 of feed 'a': a title goes with the action rename, and with no other.",
        ),
        (
            {"rules": [{"action": "hide", "q": " "}]},
            "Rule 1 of feed 'a': q must be more than nothing, or left out.",
        ),
        (
            {"rules": [{"action": "hide", "type": []}]},
            "Rule 1 of feed 'a': type must be more than nothing, or left out.",
        ),
    ],
)
def test_mistake_is_one_sentence(table: dict[str, object], sentence: str) -> None:
    """Which feed, which key, and what it should be."""
    with pytest.raises(BadSpec) as raised:
        read_feed(BASE | table)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("slug", ["", "A", "a_b", "a/b", "ä", "a" * 61, "a\n", 5, None])
def test_slug_is_letters_digits_and_hyphens(slug: object) -> None:
    """1 to 60 of them."""
    with pytest.raises(BadSpec, match="must be 1 to 60 of the characters a-z, 0-9 and -\\."):
        read_feed(BASE | {"slug": slug})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[feed]", "A feed begins with [[feed]], in two brackets on either side."),
        ("feeds = 1", "There is no key 'feeds' beside [[feed]]; each feed begins with [[feed]]."),
        (
            '[[feed]]\nslug="a"\nproperties=["p"]\n' * 2,
            "There are two feeds called 'a'; give each a slug of its own.",
        ),
    ],
)
def test_mistake_of_a_file_is_one_sentence(text: str, sentence: str) -> None:
    """What a whole file can get wrong."""
    with pytest.raises(BadSpec) as raised:
        read_feeds(text)
    assert str(raised.value) == sentence


def test_text_that_is_no_toml_is_told_with_its_line() -> None:
    """In the words of the parser."""
    with pytest.raises(BadSpec, match=r"^This is no TOML: .* \(at line 2, column 5\)\.$"):
        read_feeds("[[feed]]\na = ?")


def test_words_are_kept_as_they_are_compared() -> None:
    """Case, accents and order say nothing; so equal rules are equal, however they were written."""
    rule = {"action": "hide", "q": "Swím  MEET", "type": "Pool", "activity": ["B", "Ä"]}
    rule["name"] = "Été  1"
    (read,) = read_feed(BASE | {"rules": [rule]}).rules
    assert (read.words, read.type) == (("meet", "swim"), ("pool",))
    assert (read.activity, read.name) == (("a", "b"), ("ete 1",))


def test_table_says_only_what_differs() -> None:
    """A feed that says no more than where is two lines."""
    assert table_of(Saved("a", property_ids=("p",))) == {"slug": "a", "properties": ["p"]}
    assert (
        cast("list[str]", table_of(Saved("a", property_ids=("p",), fields=frozenset()))["fields"])
        == []
    )


@pytest.mark.parametrize(("text", "count"), [("", 0), (FULL, 2)])
def test_kept_text_that_is_not_one_feed_is_a_sentence(text: str, count: int) -> None:
    """Whoever wrote it into the database: what cannot be read is told, like any other mistake."""
    with pytest.raises(BadSpec) as raised:
        parse_saved_feed(SavedFeed("gyms", "Gyms", text))
    assert str(raised.value) == f"What is kept as feed 'gyms' is {count} feeds."
