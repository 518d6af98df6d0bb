"""`Check`: one line of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `good` is None for what could not be checked."""

    name: str
    good: bool | None
    message: str
