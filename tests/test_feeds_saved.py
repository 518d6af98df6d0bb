"""`icalbridge.feeds.saved_feed`: rules in order, single events, and what each audience may see; nothing
leaks past it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import ALLOWED, Audience, Field, Item
from icalbridge.feeds.places import NO_PLACES, PlaceDetails
from icalbridge.feeds.query import Cancelled, FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved, apply
from icalbridge.feeds.selection import Selection, select
from icalbridge.models import Entry, EventKey, StaffDetails
from tests.samples import NOW, POOL, entry

PARTICULARS = StaffDetails("Renata Renter", "renata@renter.example", 77777, "R-1", "Nonprofit")
PRACTICE = entry(1, uid="practice", event_id="e1", name="Practice", activity="Varsity")
SWIM = entry(2, uid="swim", event_id="e2", name="Swim meet", facility=POOL)
GALA = entry(3, uid="gala", event_id="e3", name="Gala", activity="Dance")
ENTRIES = (PRACTICE, SWIM, GALA)
CATEGORIES = {GALA.key: "Nonprofit", SWIM.key: "Commercial"}
NONE: frozenset[EventKey] = frozenset()
FEED = Saved("feed", property_ids=("school",))
PARTICULAR = ("renter", "email", "attendance", "reservation", "category")


def _selected(*entries: Entry, query: FeedQuery = FEED.query) -> Selection:
    reach = timedelta(days=60)
    return select(entries, now=NOW, history=reach, horizon=reach, query=query)


def _items(spec: Saved, *entries: Entry) -> list[Item]:
    told = {each.key: (PARTICULARS, NOW) for each in entries} if spec.needs_particulars else {}
    selection = _selected(*entries, query=spec.query)
    found = apply(
        spec,
        selection,
        categories=CATEGORIES,
        details=told,
        places=PlaceDetails({"school": "Lincoln High"}),
    )
    assert set(found) <= {
        (each.key, item) for each in selection.entries for _, item in found if item.uid == each.uid
    }
    return [item for _, item in found]


def _titles(
    *rules: Rule, include: frozenset[EventKey] = NONE, exclude: frozenset[EventKey] = NONE
) -> list[str]:
    return [
        item.title
        for item in _items(replace(FEED, rules=rules, include=include, exclude=exclude), *ENTRIES)
    ]


def test_entries_without_a_rule_are_shown_as_they_are() -> None:
    """No rule matches: included."""
    assert _titles() == ["Practice: Varsity", "Swim meet", "Gala: Dance"]


@pytest.mark.parametrize(
    ("rule", "titles"),
    [
        (Rule(Action.HIDE, words=("swim",)), ["Practice: Varsity", "Gala: Dance"]),
        (Rule(Action.RESERVE, words=("swim",)), ["Practice: Varsity", "Reserved", "Gala: Dance"]),
        (
            Rule(Action.RENAME, words=("swim",), title="Closed"),
            ["Practice: Varsity", "Closed", "Gala: Dance"],
        ),
        (Rule(Action.INCLUDE, words=("swim",)), ["Practice: Varsity", "Swim meet", "Gala: Dance"]),
        (Rule(Action.HIDE, activity=("dance", "varsity")), ["Swim meet"]),
        (Rule(Action.HIDE, category=("nonprofit",)), ["Practice: Varsity", "Swim meet"]),
        (Rule(Action.HIDE, type=("pool",)), ["Practice: Varsity", "Gala: Dance"]),
        (Rule(Action.HIDE, type=("reservation",)), []),
        (Rule(Action.HIDE), []),
        (
            Rule(Action.HIDE, words=("swim",), type=("gymnasium",)),
            ["Practice: Varsity", "Swim meet", "Gala: Dance"],
        ),
        (
            Rule(Action.HIDE, words=("swim", "practice")),
            ["Practice: Varsity", "Swim meet", "Gala: Dance"],
        ),
    ],
)
def test_rule_does_its_action_where_all_conditions_are_met(rule: Rule, titles: list[str]) -> None:
    """Each action and each condition; words all, alternatives any; no condition means every entry."""
    assert _titles(rule) == titles


def test_first_rule_that_matches_decides() -> None:
    """What comes after it is not looked at."""
    keep, hide = Rule(Action.INCLUDE, words=("gala",)), Rule(Action.HIDE)
    assert _titles(keep, hide) == ["Gala: Dance"]
    assert _titles(hide, keep) == []


def test_included_event_is_shown_whatever_the_rules_say() -> None:
    """As it is, also where a rule would rename it."""
    assert _titles(Rule(Action.RENAME, title="Closed"), include=frozenset({SWIM.key})) == [
        "Closed",
        "Swim meet",
        "Closed",
    ]


def test_excluded_event_is_never_shown() -> None:
    """Not even when it is included as well."""
    wishes = frozenset({SWIM.key})
    assert _titles(include=wishes, exclude=wishes) == ["Practice: Varsity", "Gala: Dance"]


def test_rules_read_what_the_audience_may_not_see() -> None:
    """A rule finds the name in a feed that tells no names."""
    spec = replace(
        FEED, fields=frozenset({Field.FACILITY}), rules=(Rule(Action.HIDE, words=("gala",)),)
    )
    assert [(item.title, item.name, item.facility) for item in _items(spec, *ENTRIES)] == [
        ("Reserved", "", "Main Gym"),
        ("Reserved", "", "Pool"),
    ]


def test_reserved_entry_tells_only_where_it_is() -> None:
    """Neither name nor activity nor type, and for staff none of the particulars."""
    spec = replace(FEED, audience=Audience.STAFF, rules=(Rule(Action.RESERVE),))
    (item,) = _items(spec, PRACTICE)
    assert (item.title, item.facility, item.location) == ("Reserved", "Main Gym", PRACTICE.location)
    assert [item.name, item.activity, item.type] == ["", "", ""]
    assert [getattr(item, name) for name in PARTICULAR] == ["", "", None, "", ""]


def test_renamed_entry_loses_name_and_activity_and_nothing_else() -> None:
    """What is put in their place is the operator's; staff still see who rents."""
    spec = replace(
        FEED, audience=Audience.STAFF, rules=(Rule(Action.RENAME, title="Private party"),)
    )
    (item,) = _items(spec, GALA)
    assert (item.title, item.name, item.activity, item.renter) == (
        "Private party",
        "Private party",
        "",
        "Renata Renter",
    )


@pytest.mark.parametrize(
    ("query", "told", "title"),
    [
        (FeedQuery(title="{facility}: {name}"), None, "Main Gym: Closed"),
        (FeedQuery(title="{facility}"), None, "Closed"),
        (FeedQuery(), frozenset({Field.FACILITY}), "Closed"),
        (FeedQuery(busy=True), None, "Reserved"),
        (FeedQuery(title="{school}: {name}"), None, "Lincoln High: Closed"),
    ],
)
def test_new_title_goes_into_the_template(
    query: FeedQuery, told: frozenset[Field] | None, title: str
) -> None:
    """A template without a name gives way; a feed that says only that something is on goes on doing
    so.
    """
    spec = replace(FEED, query=query, fields=told, rules=(Rule(Action.RENAME, title="Closed"),))
    assert [item.title for item in _items(spec, GALA)] == [title]


def test_renamed_entry_that_is_called_off_is_marked() -> None:
    """As any other would be."""
    gone = replace(GALA, status="cancelled", cancelled=NOW)
    spec = replace(
        FEED,
        query=FeedQuery(cancelled=Cancelled.MARK),
        rules=(Rule(Action.RENAME, title="Closed"),),
    )
    assert [item.title for item in _items(spec, gone)] == ["CANCELLED: Closed"]


def test_place_that_may_not_be_told_has_no_link() -> None:
    """The facility's id is gone with its name."""
    (item,) = _items(replace(FEED, fields=frozenset({Field.NAME})), PRACTICE)
    assert (item.facility_ids, item.facility, item.location) == ((), "", "")
    (item,) = _items(replace(FEED, fields=frozenset({Field.LOCATION})), PRACTICE)
    assert item.facility_ids == ("gym",)


def test_staff_feed_tells_all_and_is_as_new_as_the_newest_of_it() -> None:
    """Renter, e-mail, attendance, reservation and category."""
    spec = replace(FEED, audience=Audience.STAFF)
    (item,) = _items(spec, PRACTICE)
    assert [getattr(item, name) for name in PARTICULAR] == [
        "Renata Renter",
        "renata@renter.example",
        77777,
        "R-1",
        "Nonprofit",
    ]
    assert item.modified == NOW


FIELD_NAMES = [each.value for each in Field]
rules = st.builds(
    Rule,
    action=st.sampled_from(Action),
    words=st.sampled_from([(), ("practice",), ("dance",), ("zzz",)]),
    category=st.sampled_from([(), ("nonprofit",)]),
    title=st.just("Words of ours"),
)
shapes = st.builds(
    FeedQuery,
    busy=st.booleans(),
    cancelled=st.sampled_from(Cancelled),
    title=st.sampled_from(["", "{name}", "{type}: {activity}", "{facility} {school}"]),
)
specs = st.builds(
    Saved,
    slug=st.just("feed"),
    audience=st.sampled_from(Audience),
    fields=st.none() | st.frozensets(st.sampled_from(Field)),
    query=shapes,
    rules=st.lists(rules, max_size=3).map(tuple),
    include=st.frozensets(st.sampled_from([each.key for each in ENTRIES])),
)


@settings(deadline=None)  # no machine's load may fail it
@given(specs)
def test_no_item_holds_what_its_audience_may_not_see(spec: Saved) -> None:
    """Of every field and audience, by the fields of the item and by every text in it, for any
    rules.
    """
    told = {each.key: (PARTICULARS, NOW) for each in ENTRIES}  # also where nobody asked for it
    selection = _selected(*ENTRIES, query=spec.query)
    items = [
        item
        for _, item in apply(spec, selection, categories=CATEGORIES, details=told, places=NO_PLACES)
    ]
    allowed = ALLOWED[spec.audience] & (frozenset(Field) if spec.fields is None else spec.fields)
    secret = {
        Field.RENTER: PARTICULARS.renter,
        Field.EMAIL: PARTICULARS.email,
        Field.ATTENDANCE: PARTICULARS.attendance,
        Field.RESERVATION: PARTICULARS.reservation,
        Field.CATEGORY: PARTICULARS.category,
    }
    for item in items:
        values = item._asdict()
        for field in set(Field) - allowed:
            assert values[field] in (
                "",
                None,
                "Words of ours",
                *([item.facility] if field == "location" else []),
            )
        for field, value in secret.items():
            assert field in allowed or str(value) not in str(list(values.values()))


def test_audiences_are_what_the_issue_says() -> None:
    """Public never holds who rents; operations how many come and the reservation; staff everything."""
    assert {each: sorted(set(FIELD_NAMES) - set(ALLOWED[each])) for each in Audience} == {
        "public": ["attendance", "category", "email", "renter", "reservation"],
        "staff": [],
        "operations": ["category", "email", "renter"],
    }
