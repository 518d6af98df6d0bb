"""A day of the plan under each vendor, at a size that takes a moment; `make bench` has the others."""

from __future__ import annotations

import pytest

from icalbridge import sandbox
from tests.benchmarks.planned_day import live_a_planned_day
from tests.benchmarks.simulation import GRANT

MINUTE = 60
LATEST: dict[str, dict[str, float]] = {
    "days-90": {"today": 1, "week": 3, "month": 10, "quarter": 40, "year": 240},
    "days-7": {"today": 1, "week": 4, "month": 14, "quarter": 360, "year": 360},
    "days-refused": {"today": 8.1, "week": 8.1, "month": 8.1, "quarter": 360, "year": 360},
    "days-too-heavy": {"near": 4, "today": 10, "week": 25, "month": 25},
    "answers-6-mb": {"near": 4, "today": 10, "week": 25, "month": 25},
}
"""After how many minutes 95 of 100 edits are visible with 60 schools or fewer."""


@pytest.mark.parametrize(
    "schools", [pytest.param(10, id="ten"), pytest.param(60, id="sixty", marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("vendor", sandbox.VENDORS)
def test_schools_under_each_vendor(schools: int, vendor: str) -> None:
    """Near days are fresh whatever the vendor answers, and the quota holds."""
    day = live_a_planned_day(schools, vendor)
    assert day.requests <= GRANT.quota_per_day
    for tier, minutes in LATEST[vendor].items():
        assert day.late(tier, 0.95) <= minutes * MINUTE, tier
