"""`icalbridge.facilitron.email_address`: what is wrong with a renter's address, in one sentence.

Which addresses are valid is in `tests/contract.py`, for the client and the sandbox alike.
"""

from __future__ import annotations

from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.facilitron.email_address import find_email_error

SPACES = "may hold no spaces, no control characters and no letters beyond ASCII"
PARTS = "must have an @, a name before it and a domain after it"
NAME = "has a name before its @ that is none; check its dots, or put it in quotes"
BRACKETS = "must have an IP address in its brackets"


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("", PARTS),
        ("coach", PARTS),
        ("@school.example", PARTS),
        ("coach@", PARTS),
        ("co ach@school.example", SPACES),
        ("coach@school.example\n", SPACES),
        ("côach@school.example", SPACES),
        ("co..ach@school.example", NAME),
        ("coach@gym@school.example", NAME),
        ('"co"ach"@school.example', NAME),
        ("coach@school..example", "has a domain after its @ that is none"),
        ("coach@[gym]", BRACKETS),
        ("coach@[192.0.2.1", BRACKETS),
        (f"{'a' * 65}@school.example", "must have at most 64 characters before its @"),
        (f"{'a' * 242}@school.example", "must be at most 254 characters long"),
        (
            f"coach@{'a' * 64}.example",
            "must have at most 63 characters between two dots of its domain",
        ),
    ],
)
def test_error_names_what_is_wrong(address: str, error: str) -> None:
    assert find_email_error(address) == error


@given(st.emails())
def test_every_address_that_the_standard_library_reads_is_valid(address: str) -> None:
    """Of hypothesis's, which are as RFC 5322 has them."""
    assert Address(addr_spec=address).addr_spec == address
    assert find_email_error(address) == ""
