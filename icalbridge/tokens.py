"""Private addresses: how their tokens are made and looked up, and how they are kept out of whatever
is written down.

Whoever knows a token may read its feed. It is shown once, to whoever makes it; the store holds its
digest alone.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

PREFIX = "/ical/private/"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_SECRET = re.compile(rf"(?<={PREFIX})\S+|(?<![A-Za-z0-9_-]){_TOKEN.pattern}(?![A-Za-z0-9_-])")
"""Whatever follows the prefix; and what looks like a token wherever it is: a path may be written in
other ways.
"""


def new_token() -> str:
    """Return 32 random bytes as 43 characters that need no quoting in an address."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Say whether a text may be a token at all."""
    return _TOKEN.fullmatch(text) is not None


def digest(token: str) -> str:
    """Return what the store keeps of a token: SHA-256, enough for 32 random bytes, which nobody
    guesses.
    """
    return sha256(token.encode("ascii")).hexdigest()


def path(token: str, suffix: str = "ics") -> str:
    """Return the private address of a feed in one of its formats."""
    return f"{PREFIX}{token}.{suffix}"


def redacted(line: str) -> str:
    """Return a line without any token in it."""
    return _SECRET.sub("…", line)
