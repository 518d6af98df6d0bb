"""`icalbridge.statuses`: how the vendor's status words are compared."""

from __future__ import annotations

import pytest

from icalbridge.statuses import (
    NOT_COUNTED,
    entry_status,
    is_called_off,
    is_cancelled,
    normalize_status,
    status_name,
)


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("Approved", "approved"),
        (" APPROVED \n", "approved"),
        ("Approved -\t Pending\u00a0 Payment", "approved - pending payment"),
        ("Canceled", "cancelled"),
        ("CANCELED - Weather", "cancelled - weather"),
        ("Cancelled", "cancelled"),
        ("uncanceled", "uncanceled"),
        ("app\0roved", "approved"),
        ("", ""),
        (None, ""),
    ],
)
def test_status_is_compared_without_case_blanks_and_spelling(
    text: str | None, normalized: str
) -> None:
    """One word for one thing."""
    assert normalize_status(text) == normalized


@pytest.mark.parametrize(
    ("status", "cancelled", "called_off"),
    [
        ("cancelled", True, True),
        ("cancelled by renter", True, True),
        ("cancelled-weather", True, True),
        ("declined", False, True),
        ("declined (no insurance)", False, True),
        ("cancellation requested", False, False),
        ("not cancelled", False, False),
        ("approved", False, False),
        ("", False, False),
    ],
)
def test_called_off_is_what_begins_so(status: str, cancelled: bool, called_off: bool) -> None:
    """The first word decides."""
    assert (is_cancelled(status), is_called_off(status)) == (cancelled, called_off)


def test_entry_status_follows_what_counts_as_approved() -> None:
    """Every named status becomes approved; the vendor's approved is not shown where it is not
    named.
    """
    named = ("confirmed", "pending")
    assert [
        entry_status(each, named) for each in ("confirmed", "pending", "approved", "cancelled", "")
    ] == [*("approved", "approved", NOT_COUNTED, "", "")]
    assert entry_status("approved", ("approved",)) == ""


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("completed", "completed"),
        ("", "(none)"),
        ("\x1b[31mred", "[31mred"),
        ("a" * 50, "a" * 40),
        ("\x07", "(none)"),
    ],
)
def test_status_name_is_short_and_printable(status: str, name: str) -> None:
    """It stands in tables, JSON and metrics."""
    assert status_name(status) == name
