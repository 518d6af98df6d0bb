"""`icalbridge.feeds.query`: every parameter of a feed's address, what it takes, and what is said
where it does not.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icalbridge.feeds import PLAIN, BadQuery, FeedQuery
from icalbridge.feeds.query import MOST_DAYS, MOST_MINUTES, PARAMETERS, Cancelled, parse
from icalbridge.feeds.query_values import LONGEST_QUERY
from icalbridge.feeds.titles import FIELDS
from icalbridge.text import search_key
from icalbridge.words import parse_words
from tests.any_entries import TEXTS

BUSY = FeedQuery(occupancy=True)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("", PLAIN),
        ("facility=gym", FeedQuery(facility=("gym",))),
        ("facility=pool,gym", FeedQuery(facility=("gym", "pool"))),
        ("facility=Gym,gym", FeedQuery(facility=("Gym", "gym"))),
        ("facility=a%5C,b", FeedQuery(facility=("a,b",))),
        ("facility=a%5C%5C,b", FeedQuery(facility=("a\\", "b"))),
        ("facility=a%5C", FeedQuery(facility=("a\\",))),
        ("type=Gymnasium", FeedQuery(type=("gymnasium",))),
        ("type=Sal%C3%B3n++Grande,POOL", FeedQuery(type=("pool", "salon grande"))),
        ("category=Non-Profit", FeedQuery(category=("non-profit",))),
        ("activity=Varsity", FeedQuery(activity=("varsity",))),
        ("name=Liga+de++Voleibol+1", FeedQuery(name=("liga de voleibol 1",))),
        ("name=B&name=%C3%81,b", FeedQuery(name=("a", "b"))),
        ("q=open+Gym", FeedQuery(words=("gym", "open"))),
        ("q=open,Gym", FeedQuery(words=("gym", "open"))),
        ("q=%22Open,++Gym%22+1", FeedQuery(words=('"open gym"', "1"))),
        ("q=%E2%80%9COpen+Gym%E2%80%9D", FeedQuery(words=('"open gym"',))),
        ("q=%22Liga+de&q=Voleibol%22", FeedQuery(words=("de", "liga", "voleibol"))),
        ("q=%22gym%22+%22U8%22", FeedQuery(words=('"gym"', "u8"))),
        ("q=3-on-3+St.+Mary's", FeedQuery(words=('"3 on 3"', "marys", "st"))),
        ("not=%22open+gym%22", FeedQuery(unwanted=('"open gym"',))),
        ("q=%E4%BD%93%E8%82%B2", FeedQuery(words=("体育",))),
        ("q=caf%C3%A9", FeedQuery(words=("cafe",))),
        ("q=caf%65%CC%81", FeedQuery(words=("cafe",))),
        ("not=practice", FeedQuery(unwanted=("practice",))),
        ("past=0", FeedQuery(past=0)),
        ("past=007", FeedQuery(past=7)),
        (f"past={MOST_DAYS}", FeedQuery(past=MOST_DAYS)),
        ("ahead=30", FeedQuery(ahead=30)),
        ("status=approved", PLAIN),
        ("status=pending", FeedQuery(status=("pending",))),
        ("status=Pending,approved", FeedQuery(status=("approved", "pending"))),
        ("cancelled=drop", PLAIN),
        ("cancelled=mark", FeedQuery(cancelled=Cancelled.MARK)),
        ("cancelled=tombstone", FeedQuery(cancelled=Cancelled.TOMBSTONE)),
        ("detail=name", PLAIN),
        ("detail=busy", FeedQuery(busy=True)),
        ("group=event", FeedQuery(grouped=True)),
        ("tz=utc", FeedQuery(utc=True)),
        ("title={facility}:+{name}", FeedQuery(title="{facility}: {name}")),
        ("title=%7Bname%7D%3A%20%7Bactivity%7D", PLAIN),
        ("view=occupancy", BUSY),
        ("view=occupancy&before=30&after=15", replace(BUSY, before=30, after=15)),
        (f"view=occupancy&before={MOST_MINUTES}", replace(BUSY, before=MOST_MINUTES)),
        ("view=occupancy&before=0", BUSY),
        ("before=0&after=0", PLAIN),
    ],
)
def test_parameter_is_understood(query: str, meant: FeedQuery) -> None:
    """Each parameter sets its own field and nothing else; what a feed does by itself is no wish."""
    assert parse(query) == meant


DAYS = f"a whole number from 0 to {MOST_DAYS}"
MINUTES = f"a whole number from 0 to {MOST_MINUTES}"
TITLE = (
    "made of {name}, {activity}, {facility}, {school}, {type}, with nothing but punctuation and"
    " spaces between them, and at most 100 characters long"
)
UNREADABLE = (
    "The parameters of this address cannot be read; write at most 50 of them as NAME=VALUE with &"
    " between them, in UTF-8."
)
NAMES = ", ".join(PARAMETERS)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("color=red", f"There is no parameter 'color'; a feed takes {NAMES}."),
        ("Past=1", f"There is no parameter 'Past'; a feed takes {NAMES}."),
        ("color=", f"There is no parameter 'color'; a feed takes {NAMES}."),
        ("color", f"There is no parameter 'color'; a feed takes {NAMES}."),
        ("=1", f"There is no parameter ''; a feed takes {NAMES}."),
        ("x" * 61, f"There is no parameter '{'x' * 59}…'; a feed takes {NAMES}."),
        ("past=-1", f"past is '-1' and must be {DAYS}."),
        ("past=soon", f"past is 'soon' and must be {DAYS}."),
        ("past=1.5", f"past is '1.5' and must be {DAYS}."),
        ("past=%D9%A1", f"past is '١' and must be {DAYS}."),
        (f"past={MOST_DAYS + 1}", f"past is '{MOST_DAYS + 1}' and must be {DAYS}."),
        ("past=1&past=2", "past is '1,2' and must be given once."),
        (f"ahead={'9' * 70}", f"ahead is '{'9' * 59}…' and must be {DAYS}."),
        (
            "status=declined",
            (
                "status is 'declined' and must be approved, pending, or both with a comma between"
                " them."
            ),
        ),
        (
            "status=,",
            "status is ',' and must be approved, pending, or both with a comma between them.",
        ),
        ("cancelled=yes", "cancelled is 'yes' and must be drop, mark or tombstone."),
        ("cancelled=Mark", "cancelled is 'Mark' and must be drop, mark or tombstone."),
        ("detail=all", "detail is 'all' and must be name or busy."),
        ("group=name", "group is 'name' and must be event."),
        ("tz=America/New_York", "tz is 'America/New_York' and must be utc."),
        ("view=agenda", "view is 'agenda' and must be occupancy."),
        ("title=School's+out", f"title is 'School's out' and must be {TITLE}."),
        ("title={renter}", f"title is '{{renter}}' and must be {TITLE}."),
        (
            f"view=occupancy&after={MOST_MINUTES + 1}",
            f"after is '{MOST_MINUTES + 1}' and must be {MINUTES}.",
        ),
        (
            "after=5",
            (
                "before and after widen the blocks of view=occupancy; ask for that too, or leave"
                " them out."
            ),
        ),
        (
            "before=5",
            (
                "before and after widen the blocks of view=occupancy; ask for that too, or leave"
                " them out."
            ),
        ),
        (
            "facility=" + ",".join(map(str, range(51))),
            (
                f"facility is '{','.join(map(str, range(51)))[:59]}…' and must be at least one"
                " value, and at most 50."
            ),
        ),
        ("q=a%00b", "This address has control characters in its parameters; leave them out."),
        ("q=a%0D%0Ab", "This address has control characters in its parameters; leave them out."),
        ("a%C2%85b=1", "This address has control characters in its parameters; leave them out."),
        ("q=%E2%80%A8", "This address has control characters in its parameters; leave them out."),
        ("q=%FF", UNREADABLE),
        ("&".join(["past=1"] * 51), UNREADABLE),
        (
            "q=" + "x" * (LONGEST_QUERY - 1),
            "This address is too long; its parameters may have 2000 characters.",
        ),
    ],
)
def test_what_is_not_understood_is_refused_with_a_sentence(query: str, sentence: str) -> None:
    """Nothing is guessed at: each refusal names the parameter, what was given, and what is taken."""
    with pytest.raises(BadQuery) as refused:
        parse(query)
    assert str(refused.value) == sentence


def test_refusal_shows_nothing_unprintable() -> None:
    """What turns text around or cannot be seen is a replacement character in a sentence that quotes
    it.
    """
    with pytest.raises(BadQuery) as refused:
        parse("past=1%E2%80%AE2%C2%A0%EF%BB%BF3")
    assert str(refused.value) == f"past is '1�2��3' and must be {DAYS}."


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_without_a_value_asks_for_nothing(name: str) -> None:
    """A form sends its empty fields too."""
    assert parse(f"{name}=") == parse(name) == parse(f"{name}=++") == PLAIN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("past=7&facility=gym", "facility=gym&past=7"),
        ("facility=gym,pool", "facility=pool&facility=gym"),
        ("facility=gym,,gym,", "facility=gym"),
        ("facility=+gym+,+pool", "facility=gym,pool"),
        ("type=GYM,gym,G%C3%BDm", "type=gym"),
        ("q=one+two", "q=two&q=one&q=one"),
        ("q=%EF%BC%A1%EF%BC%8C%EF%BC%A2", "q=a,b"),
        ("past=7&past=7", "past=7"),
        ("status=pending,approved,pending", "status=approved&status=pending"),
        ("view=occupancy&title={name}&detail=busy&group=event&cancelled=mark", "view=occupancy"),
        ("&&past=7&", "past=7"),
        ("past=%37", "past=7"),
    ],
)
def test_equal_meanings_are_equal_shapes(one: str, other: str) -> None:
    """So that what they show is rendered and kept once."""
    assert parse(one) == parse(other)
    assert hash(parse(one)) == hash(parse(other))


def test_query_has_the_parameters_in_one_order() -> None:
    """Whatever the order in which they were given; what needs no quoting stays readable."""
    given = "tz=utc&title={name}+%7C+{type}&q=b+a&facility=x,a%5C,b&past=07&status=pending,approved&detail=name"
    assert (
        parse(given).query_string
        == "facility=a%5C,b,x&q=a%20b&past=7&status=approved,pending&tz=utc&title=%7Bname%7D%20%7C%20%7Btype%7D"
    )
    assert PLAIN.query_string == ""


WORDS = st.lists(st.tuples(TEXTS, st.booleans()), max_size=3).map(
    lambda texts: tuple(
        sorted(
            {
                term
                for text, phrase in texts
                for term in parse_words(f'"{_clean(text)}"' if phrase else _clean(text))
            }
        )
    )
)
FOLDED = st.lists(TEXTS, max_size=4).map(
    lambda texts: tuple(sorted({search_key(_clean(text)) for text in texts} - {""}))
)
IDS = st.lists(TEXTS, max_size=4).map(
    lambda texts: tuple(sorted({_clean(text).strip() for text in texts} - {""}))
)
BETWEEN = st.text(" -–:|/()[],.·\\&=%+", max_size=4)
TITLES = st.lists(st.tuples(BETWEEN, st.sampled_from(FIELDS)), min_size=1, max_size=5).map(
    lambda pieces: "".join(f"{before}{{{field}}}" for before, field in pieces).strip()
)
DAY = st.one_of(st.none(), st.integers(0, MOST_DAYS))
CALENDARS = st.builds(
    FeedQuery,
    facility=IDS,
    type=FOLDED,
    category=FOLDED,
    activity=FOLDED,
    name=FOLDED,
    words=WORDS,
    unwanted=WORDS,
    past=DAY,
    ahead=DAY,
    status=st.sampled_from([("approved",), ("pending",), ("approved", "pending")]),
    cancelled=st.sampled_from(Cancelled),
    busy=st.booleans(),
    grouped=st.booleans(),
    utc=st.booleans(),
    title=st.one_of(st.just(""), TITLES.filter(lambda title: title != "{name}: {activity}")),
)
MINUTE = st.integers(0, MOST_MINUTES)
SHAPES = st.one_of(
    CALENDARS,
    st.builds(
        lambda query, before, after: replace(
            query,
            occupancy=True,
            before=before,
            after=after,
            cancelled=Cancelled.DROP,
            busy=False,
            grouped=False,
            title="",
        ),
        CALENDARS,
        MINUTE,
        MINUTE,
    ),
).filter(lambda query: len(query.query_string) <= LONGEST_QUERY)


def _clean(text: str) -> str:
    """Leave out what no parameter may hold."""
    return "".join(
        each for each in text if each.isprintable() or each in "\u00a0\u3000\u200d\ufeff\u202e"
    )


@given(SHAPES)
def test_any_shape_is_what_its_query_says(query: FeedQuery) -> None:
    """What is written in one order is read again as the same shape, and written again the same."""
    assert parse(query.query_string) == query
    assert parse(query.query_string).query_string == query.query_string
    assert query.query_string.isascii()


@given(SHAPES)
def test_order_of_parameters_means_nothing(query: FeedQuery) -> None:
    """Any order of the parameters is the same shape."""
    parts = query.query_string.split("&")
    assert parse("&".join(reversed(parts))) == query


@given(st.one_of(TEXTS, st.text()))
@example("ℌ")
@example("ẞ")
@example("ŉ")
@example("ﷺ")
def test_folding_twice_changes_nothing(text: str) -> None:
    """What was folded is compared as it is."""
    assert search_key(search_key(text)) == search_key(text)


def test_every_character_folds_once() -> None:
    """Folding each character there is a second time changes none, and cases of one letter are
    alike.
    """
    for number in range(sys.maxunicode + 1):
        found = search_key(chr(number))
        assert search_key(found) == found, hex(number)
    for one, other in (
        ("STRASSE", "straße"),
        ("ÉCOLE", "école"),
        ("ℌ", "h"),
        ("Ｇｙｍ", "gym"),
        ("İ", "i"),
    ):
        assert search_key(one) == search_key(other)


@pytest.mark.parametrize(
    ("given", "clamped"),
    [
        (PLAIN, PLAIN),
        (FeedQuery(past=59, ahead=364), FeedQuery(past=59, ahead=364)),
        (FeedQuery(past=60, ahead=365), PLAIN),
        (FeedQuery(past=3660, ahead=400, utc=True), FeedQuery(utc=True)),
        (FeedQuery(past=0), FeedQuery(past=0)),
    ],
)
def test_nobody_reaches_further_than_the_operator_lets_them(
    given: FeedQuery, clamped: FeedQuery
) -> None:
    """As far or further than feeds reach anyway is no wish."""
    assert given.clamped(60, 365) == clamped
