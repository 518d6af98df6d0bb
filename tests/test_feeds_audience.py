"""`icalbridge.feeds.audience`: what each audience may see of an entry, and that an item never holds
more.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds.audience import (
    ALLOWED,
    STAFF_FIELDS,
    Audience,
    Field,
    Item,
    Status,
    View,
    admit,
    view,
)
from icalbridge.feeds.places import PlaceDetails
from icalbridge.feeds.titles import FIELDS
from icalbridge.models import StaffDetails
from tests.samples import GYM, NOW, ZONE, entry

TOLD = StaffDetails("Renata Privada", "renata@renter.example", 4711, "R-PRIVATE-1", "Non-Profit")
CHANGED = NOW + timedelta(hours=1)
ALWAYS = {
    *("uid", "start", "end", "zone", "title", "status", "sequence", "modified"),
    *("property_id", "facility_ids", "first_seen", "cancelled", "school"),
}
"""What an item has whoever looks at it."""


def test_fields_are_those_of_an_item() -> None:
    """Every text of an item is a field that some audience may see; nothing else can be told."""
    assert set(Item._fields) == ALWAYS | {each.value for each in Field}


def test_audiences_may_see_what_the_issue_says() -> None:
    """The public none of renter, e-mail, attendance, reservation and rate category; operations what
    rooms need.
    """
    public = {Field.NAME, Field.ACTIVITY, Field.FACILITY, Field.LOCATION, Field.TYPE}
    operations = public | {Field.ATTENDANCE, Field.RESERVATION}
    assert {
        Audience.PUBLIC: public,
        Audience.OPERATIONS: operations,
        Audience.STAFF: set(Field),
    } == ALLOWED
    assert {
        Field.RENTER,
        Field.EMAIL,
        Field.ATTENDANCE,
        Field.RESERVATION,
        Field.CATEGORY,
    } == STAFF_FIELDS


@pytest.mark.parametrize("audience", Audience)
def test_view_is_never_more_than_the_audience_may_see(audience: Audience) -> None:
    """Whatever fields are asked for, and less when only times are."""
    assert (
        view(audience).fields == view(audience, fields=frozenset(Field)).fields == ALLOWED[audience]
    )
    assert view(audience, fields=frozenset({Field.NAME, Field.EMAIL})).fields == ALLOWED[
        audience
    ] & {Field.NAME, Field.EMAIL}
    assert view(audience, busy=True).fields == {Field.FACILITY, Field.LOCATION}
    assert view(audience).needs_particulars == (audience is not Audience.PUBLIC)
    assert not view(audience, busy=True).needs_particulars


def test_public_item_of_an_entry() -> None:
    """All that the public is told of it."""
    booked = entry(1, activity="Setup", sequence=3, first_seen=NOW)
    assert admit(
        booked, Status.CONFIRMED, view(Audience.PUBLIC), particulars=(TOLD, CHANGED)
    ) == Item(
        uid="u1@icalbridge",
        start=NOW + timedelta(hours=1),
        end=NOW + timedelta(hours=3),
        zone=ZONE,
        title="Practice: Setup",
        status=Status.CONFIRMED,
        sequence=3,
        modified=NOW - timedelta(days=1),
        property_id="school",
        facility_ids=("gym",),
        first_seen=NOW,
        name="Practice",
        activity="Setup",
        facility="Main Gym",
        location="Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
        type="Gymnasium",
    )


def test_staff_item_is_as_new_as_its_particulars() -> None:
    """Staff see all of it; a change of nothing but the renter is a change for them, and for nobody
    else.
    """
    booked = entry(1)
    public = admit(booked, Status.CONFIRMED, view(Audience.PUBLIC))
    assert admit(
        booked, Status.CONFIRMED, view(Audience.STAFF), particulars=(TOLD, CHANGED)
    ) == public._replace(
        renter="Renata Privada",
        email="renata@renter.example",
        attendance=4711,
        reservation="R-PRIVATE-1",
        category="Non-Profit",
        modified=CHANGED,
    )
    operations = admit(
        booked, Status.CONFIRMED, view(Audience.OPERATIONS), particulars=(TOLD, CHANGED)
    )
    assert operations == public._replace(
        attendance=4711, reservation="R-PRIVATE-1", modified=CHANGED
    )


def test_busy_says_reserved() -> None:
    """Only that something is on, and where."""
    booked = entry(1, activity="Setup", first_seen=NOW)
    item = admit(
        booked, Status.CONFIRMED, view(Audience.PUBLIC, busy=True), particulars=(TOLD, CHANGED)
    )
    assert (item.title, item.name, item.activity, item.type) == ("Reserved", "", "", "")
    assert (item.facility, item.location) == ("Main Gym", booked.location)
    titled = view(
        Audience.PUBLIC, busy=True, title="{facility}, {school}: {name} {activity} {type}"
    )
    assert (
        admit(
            booked,
            Status.CONFIRMED,
            titled,
            places=PlaceDetails({booked.property_id: "Lincoln High"}),
        ).title
        == "Main Gym, Lincoln High: Reserved"
    )


def test_title_is_put_together_as_the_view_says() -> None:
    """Of what the audience may see."""
    titled = view(Audience.PUBLIC, title="{facility} ({type}): {name}")
    assert admit(entry(1), Status.CONFIRMED, titled).title == "Main Gym (Gymnasium): Practice"


@pytest.mark.parametrize(
    ("status", "cancelled", "title"),
    [
        (Status.CONFIRMED, None, "Practice"),
        (Status.CONFIRMED, NOW, "CANCELLED: Practice"),
        (Status.CANCELLED, NOW, "Practice"),
        (Status.TENTATIVE, None, "Practice"),
        (Status.TENTATIVE, NOW, "Practice"),
    ],
)
def test_called_off_is_said_where_the_status_does_not(
    status: Status, cancelled: object, title: str
) -> None:
    """Before the title of what stays CONFIRMED; what is asked for anew is not called off."""
    item = admit(entry(1, cancelled=cancelled), status, view(Audience.PUBLIC))
    assert (item.title, item.cancelled) == (
        title,
        None if status is Status.TENTATIVE else cancelled,
    )


def test_nameless_entries_are_reserved() -> None:
    """A title is never empty, and the item says that there is no name."""
    item = admit(entry(1, name=" \r\n"), Status.CONFIRMED, view(Audience.PUBLIC))
    assert (item.title, item.name) == ("Reserved", "")


def test_entry_without_location_is_where_its_facility_is() -> None:
    """For an audience that may see facilities and no addresses."""
    shown = view(Audience.PUBLIC, fields=frozenset({Field.NAME, Field.FACILITY}))
    assert admit(entry(1), Status.CONFIRMED, shown).location == "Main Gym"
    nothing = admit(entry(1, facility=GYM), Status.CONFIRMED, View(frozenset()))
    assert (nothing.title, nothing.location, nothing.facility) == ("Reserved", "", "")


SECRET = st.text("0123456789", min_size=12, max_size=12).map(lambda digits: f"secret{digits}")
TEMPLATES = st.sampled_from(
    ["", *(f"{{{field}}}" for field in FIELDS), "{type}{school}{facility}{activity}{name}"]
)


@given(
    st.sets(st.sampled_from(Field)), st.sampled_from(Audience), st.booleans(), TEMPLATES, st.data()
)
def test_item_holds_nothing_that_may_not_be_seen(
    wanted: set[Field], audience: Audience, busy: bool, title: str, data: st.DataObject
) -> None:
    """Whatever an entry holds and a view asks for, no other text of it is anywhere in the item."""
    secrets = dict(
        zip(Field, data.draw(st.lists(SECRET, min_size=10, max_size=10, unique=True)), strict=True)
    )
    booked = entry(
        1,
        name=secrets[Field.NAME],
        activity=secrets[Field.ACTIVITY],
        place=secrets[Field.FACILITY],
        location=secrets[Field.LOCATION],
        type=secrets[Field.TYPE],
    )
    told = StaffDetails(
        secrets[Field.RENTER],
        secrets[Field.EMAIL],
        4711,
        secrets[Field.RESERVATION],
        secrets[Field.CATEGORY],
    )
    shown = view(audience, fields=frozenset(wanted), busy=busy, title=title)
    item = admit(booked, Status.CONFIRMED, shown, particulars=(told, CHANGED))
    for field in set(Field) - shown.fields - {Field.ATTENDANCE}:
        assert secrets[field] not in repr(item)
    assert item.attendance == (4711 if Field.ATTENDANCE in shown.fields else None)
