"""E-mail addresses as RFC 5322 has them (section 3.4.1), without comments and white space.

Python's `email.headerregistry.Address` is not used: it drops comments, accepts any domain literal
and raises `AttributeError` or `IndexError` for some broken addresses.
"""

from __future__ import annotations

import string
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

ATEXT = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~")
LONGEST_ADDRESS = 254
"""RFC 5321, section 4.5.3.1.3, without the brackets."""
LONGEST_LOCAL_PART = 64
"""RFC 5321, section 4.5.3.1.1."""
LONGEST_LABEL = 63
"""RFC 1035, section 2.3.4."""
IPV6_TAG = "IPv6:"


def find_email_error(address: str) -> str:
    """Return what is wrong with an address, without repeating it; "" where it is valid."""
    if not all("!" <= letter <= "~" for letter in address):
        return "may hold no spaces, no control characters and no letters beyond ASCII"
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        return "must have an @, a name before it and a domain after it"
    if len(address) > LONGEST_ADDRESS:
        return f"must be at most {LONGEST_ADDRESS} characters long"
    if len(local) > LONGEST_LOCAL_PART:
        return f"must have at most {LONGEST_LOCAL_PART} characters before its @"
    if not _is_dot_atom(local) and not _is_quoted(local):
        return "has a name before its @ that is none; check its dots, or put it in quotes"
    return _domain_error(domain)


def _domain_error(domain: str) -> str:
    if domain.startswith("["):
        is_literal = domain.endswith("]") and _is_ip_address(domain[1:-1])
        return "" if is_literal else "must have an IP address in its brackets"
    if not _is_dot_atom(domain):
        return "has a domain after its @ that is none"
    if any(len(label) > LONGEST_LABEL for label in domain.split(".")):
        return f"must have at most {LONGEST_LABEL} characters between two dots of its domain"
    return ""


def _is_dot_atom(text: str) -> bool:
    return all(atom and ATEXT.issuperset(atom) for atom in text.split("."))


def _is_quoted(text: str) -> bool:
    """Return whether printable text is a quoted-string (RFC 5322, section 3.2.4)."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return False
    unescaped = text[1:-1].replace("\\\\", "").replace('\\"', "")
    return '"' not in unescaped and not unescaped.endswith("\\")


def _is_ip_address(text: str) -> bool:
    with suppress(ValueError):
        if text.startswith(IPV6_TAG):
            return IPv6Address(text.removeprefix(IPV6_TAG)).scope_id is None
        return bool(IPv4Address(text).packed)
    return False
