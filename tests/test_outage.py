"""`icalbridge.outage`: what is logged of something that fails, and when."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from icalbridge.outage import OutageLog

if TYPE_CHECKING:
    from collections.abc import Iterable


def logged(
    caplog: pytest.LogCaptureFixture, steps: Iterable[tuple[float, bool]]
) -> list[tuple[float, str]]:
    """Report failures and successes at some seconds; return what was logged, and at which."""
    now = 0.0
    outage = OutageLog(logging.getLogger("icalbridge.test"), clock=lambda: now)
    lines = []
    caplog.set_level(logging.INFO)
    for moment, works in steps:
        now = moment
        caplog.clear()
        if works:
            outage.end("it works again")
        else:
            outage.begin("it fails: %s", "why")
        lines += [(now, message) for message in caplog.messages]
    return lines


FAILS, WORKS = "it fails: why", "it works again"


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ([(0, True), (1, True)], []),
        (
            [(0, False), *((each / 100, False) for each in range(1000)), (11, True), (12, True)],
            [(0, FAILS), (11, WORKS)],
        ),
        ([(each, False) for each in range(0, 1300, 10)], [(0, FAILS), (600, FAILS), (1200, FAILS)]),
        (
            [(each, each % 2 == 1) for each in range(121)],
            [(0, FAILS), (1, WORKS), (60, FAILS), (61, WORKS), (120, FAILS)],
        ),
        ([(0, False), (1, True), (2, False), (30, False), (59, True)], [(0, FAILS), (1, WORKS)]),
        (
            [(0, False), (1, True), (2, False), (61, False), (62, True)],
            [(0, FAILS), (1, WORKS), (61, FAILS), (62, WORKS)],
        ),
    ],
    ids=["works", "once", "reminder", "flapping", "short", "comes back"],
)
def test_outage_is_logged_when_it_is_news(
    caplog: pytest.LogCaptureFixture,
    steps: list[tuple[float, bool]],
    lines: list[tuple[float, str]],
) -> None:
    """Beginning and end, a reminder every ten minutes, and at most one beginning a minute."""
    assert logged(caplog, steps) == lines
