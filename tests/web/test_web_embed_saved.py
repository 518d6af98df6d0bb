"""`/embed/feed/<slug>`: saved feeds that anybody may read, in frames, and not one that is for
staff.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds.audience import Audience
from icalbridge.feeds.query import FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from tests.samples import NOW
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

GYMS = Saved(
    "gyms",
    HOSTILE,
    facility_ids=("gym", "pool"),
    rules=(Rule(Action.RENAME, words=("varsity",), title="Team"),),
)
PATH = "/embed/feed/gyms"


def save(store: Store, spec: Saved) -> None:
    store.saved.put([to_keep(spec)], now=NOW)


@pytest.mark.parametrize(
    ("query", "count"), [("?days=1", 1), ("?view=week", 1), ("?view=month", 15), ("", 7)]
)
def test_saved_embed_shows_what_its_rules_leave(
    client: FlaskClient, store: Store, query: str, count: int
) -> None:
    """Under its own name, in every view; it leads to the feed itself, since no page shows it."""
    save(store, GYMS)
    seen = look(client, PATH + query)
    assert (seen.texts.count("Team"), seen.texts.count("Practice: Varsity")) == (count, 0)
    assert HOSTILE.split()[-1] in seen.text
    links = [link for link in seen.links() if not link.startswith("?")]
    others = [link for link in links if not link.startswith("/booking/")]
    assert others == ["webcal://calendars.example.org/ical/feed/gyms.ics"]


def test_saved_embed_names_the_places_only_where_the_feed_does(
    client: FlaskClient, store: Store
) -> None:
    """A feed that says no more than that a space is in use says no more in a frame."""
    save(store, replace(GYMS, rules=(), query=FeedQuery(busy=True)))
    assert look(client, PATH + "?days=1").texts.count("Practice: Varsity") == 0


@pytest.mark.parametrize("audience", [Audience.STAFF, Audience.OPERATIONS])
def test_saved_embed_for_staff_is_not_there(
    client: FlaskClient, store: Store, audience: Audience
) -> None:
    """What is to be had at private addresses only answers as if there were none."""
    save(store, replace(GYMS, audience=audience))
    hidden, nothing = client.get(PATH), client.get("/embed/feed/nothing")
    assert (hidden.status_code, Seen(hidden.text).texts) == (404, Seen(nothing.text).texts)


def test_saved_embed_takes_looks_and_no_filters(client: FlaskClient, store: Store) -> None:
    """What it shows was decided when it was saved."""
    save(store, GYMS)
    answer = client.get(PATH + "?theme=dark&q=varsity")
    assert (answer.status_code, Seen(answer.text).texts[-1]) == (
        400,
        "What this calendar shows was decided when it was saved; ask for it without parameters.",
    )
