"""The vendor's pages on writes, rule by rule, over HTTP: `tests/contract.py` is the list of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests import contract
from tests.fixtures.vendor import Vendor, vendor
from tests.fixtures.writes import RENTER, cancel, change, create, event, move, slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.contract import Rule


@pytest.fixture(scope="module")
def shared() -> Iterator[Vendor]:
    """One vendor for all rules."""
    with vendor() as opened:
        opened.world.renters |= {address.lower() for address in contract.ADDRESSES}
        yield opened


@pytest.fixture
def api(shared: Vendor) -> Iterator[Vendor]:
    """That vendor, without what other rules have made."""
    before = set(shared.world.events)
    yield shared
    for each in set(shared.world.events) - before:
        shared.world.delete(each)


def _rules(rules: list[Rule]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", [pytest.param(each, id=each.said) for each in rules])


def _with(body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **fields}.items() if value is not ...}


def _check(answer: requests.Response, wrong: tuple[str, ...], done: int) -> None:
    """Done, or 400 with exactly these fields named."""
    if not wrong:
        assert answer.status_code == done
        return
    told = answer.json()
    assert (answer.status_code, told["message_code"]) == (400, "SY001")
    named = re.findall(r"(?:– |; )(\S+)", told["message"])
    assert sorted(named) == sorted(wrong)


@_rules([*contract.CREATE, *contract.UNTYPED_EVENT])
def test_create_event(api: Vendor, rule: Rule) -> None:
    """CreateEventDto."""
    _check(create(api, _with(event(api), rule.fields)), rule.wrong, 201)


@_rules([*contract.SLOT, *contract.UNTYPED_TIMES])
def test_create_timeslot(api: Vendor, rule: Rule) -> None:
    """CreateTimeslotDto: each timeslot is checked, and called by its number."""
    slots = [slot(api, "slot-0"), _with(slot(api), rule.fields)]
    _check(
        create(api, event(api, timeslots=slots)),
        tuple(f"timeslots[1].{each}" for each in rule.wrong),
        201,
    )


@_rules([*contract.SPANS, *contract.DAY_BOUNDS])
def test_create_timeslot_where_creations_are_strict(api: Vendor, rule: Rule) -> None:
    """The bounds of a change hold for a new timeslot too."""
    api.state.strict_creations = True
    try:
        answer = create(api, event(api, timeslots=[slot(api, **rule.fields)]))
    finally:
        api.state.strict_creations = False
    _check(answer, tuple(f"timeslots[0].{name}" for name in rule.wrong), 201)


def test_create_timeslot_twice(api: Vendor) -> None:
    """Two timeslots of one event have two external ids, or neither could be named."""
    answer = create(api, event(api, timeslots=[slot(api), slot(api)]))
    _check(answer, ("timeslots[1].external_system_timeslot_id",), 201)


@_rules([*contract.MOVE, *contract.UNTYPED_TIMES])
def test_change_timeslot(api: Vendor, rule: Rule) -> None:
    """UpdateTimeslotDto."""
    create(api, event(api))
    _check(change(api, _with(move(), rule.fields)), rule.wrong, 200)


@_rules(contract.CANCEL)
def test_cancel_event(api: Vendor, rule: Rule) -> None:
    """CancelEventDto."""
    create(api, event(api))
    _check(cancel(api, "event-1", _with({"status": "cancelled"}, rule.fields)), rule.wrong, 200)


@pytest.mark.parametrize("status", [None, "Cancelled", "approved", "declined", ...])
def test_cancel_event_sets_no_other_status(api: Vendor, status: Any) -> None:
    """`cancelled` is the only one."""
    create(api, event(api))
    _check(cancel(api, "event-1", _with({}, {"status": status})), ("status",), 200)


@pytest.mark.parametrize("event_id", ["ab", "a" * 51])
def test_event_id_is_3_to_50_characters(api: Vendor, event_id: str) -> None:
    """In both addresses."""
    _check(cancel(api, event_id, {"status": "cancelled"}), ("event_id",), 200)
    _check(change(api, move(), event_id), ("event_id",), 200)


@pytest.mark.parametrize("event_type", ["party", "Reservation"])
def test_event_type_is_a_known_one(api: Vendor, event_type: str) -> None:
    """In both addresses."""
    create(api, event(api))
    _check(cancel(api, "event-1", {"status": "cancelled"}, event_type), ("event_types",), 200)
    _check(change(api, move(), event_type=event_type), ("event_types",), 200)


@pytest.mark.parametrize("timeslot_id", ["ab", "a" * 51, "a:b", "a b", "abcé"])
def test_timeslot_id_is_3_to_50_letters_digits_dots_dashes_and_underscores(
    api: Vendor, timeslot_id: str
) -> None:
    """As the external system may name it."""
    create(api, event(api))
    _check(change(api, move(), timeslot_id=timeslot_id), ("timeslot_id",), 200)


def test_good_bodies_are_good(api: Vendor) -> None:
    """What every rule differs from."""
    assert create(api, event(api)).status_code == 201
    assert change(api, move()).status_code == 200
    assert cancel(api, "event-1", {"status": "cancelled"}).status_code == 200
    assert event(api)["renter_email"] == RENTER
