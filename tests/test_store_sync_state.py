"""`icalbridge.store.sync_state`: every column of a window and of a property becomes the field that
it is for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, update

from icalbridge.store import PropertyState, SpanLimit, WindowState
from icalbridge.store.tables import properties, windows
from tests.fixtures.stores import USER
from tests.samples import NOW

if TYPE_CHECKING:
    from icalbridge.store import Store


def test_situation_is_what_the_rows_say(school: Store) -> None:
    """Moments that are not set are None, and a property that is not listed is left out with its
    windows.
    """
    synced, attempted, due, leased, read = (NOW + timedelta(hours=hour) for hour in range(5))
    full = {
        "synced_at": synced,
        "attempted_at": attempted,
        "due_at": due,
        "failures": 3,
        "leased_until": leased,
        "leased_by": "w",
        "reach_days": 7,
        "reach_steady": 2,
        "reach_patience": 8,
    }
    bare = {
        **dict.fromkeys(("synced_at", "attempted_at", "due_at", "leased_until")),
        "failures": 0,
        "leased_by": "",
    }
    reach = {"reach_days": 31, "reach_steady": 0, "reach_patience": 4}
    with school.engine.begin() as connection:
        connection.execute(delete(windows))
        for number, values in ((0, full), (1, bare | reach)):
            connection.execute(
                insert(windows).values(property_id="school", number=number, **values)
            )
        connection.execute(
            update(properties).where(properties.c.id == "school").values(read_at=read)
        )
    situation = school.windows.state(USER)
    assert sorted(situation.windows, key=lambda each: each.number) == [
        WindowState("school", 0, synced, attempted, due, 3, leased, SpanLimit(7, 2, 8)),
        WindowState("school", 1),
    ]
    assert situation.properties == {
        "district": PropertyState(0, ("school", "unseen"), 0),
        "school": PropertyState(1, (), 2, read),
    }
    with school.engine.begin() as connection:
        connection.execute(
            update(properties).where(properties.c.id == "school").values(listed=False)
        )
    situation = school.windows.state(USER)
    assert (situation.windows, list(situation.properties)) == ((), ["district"])
