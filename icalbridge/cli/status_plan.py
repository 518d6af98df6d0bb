"""What `status` shows of the plan of a key: pace, districts' days, what requests take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icalbridge.store import SyncState
    from icalbridge.sync.schedule import Schedule

DISAGREEMENTS = "disagreements:"
TIERS = {
    "today": "today",
    "week": "days 1 to 7",
    "month": "days 8 to 30",
    "quarter": "days 31 to 90",
    "year": "the year",
}
"""What a tier covers, by its name; the others are daily."""
UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


class KeyPlan:
    """The plan of one key at one moment."""

    def __init__(self, name: str, state: SyncState, schedule: Schedule) -> None:
        self._name = name
        self._state = state
        self._schedule = schedule

    @property
    def values(self) -> dict[str, object]:
        """Return the plan as JSON has it: intervals in seconds, days counted from today."""
        reach = self._state.reach
        return {
            "name": self._name,
            "pace": self._pace(),
            "district_days": {
                "answered_to": reach.days,
                "refused_from": reach.refused,
                "asked_to": self._schedule.coverage.last,
            },
            "costs": {kind: cost._asdict() for kind, cost in sorted(self._state.costs.items())},
        }

    def lines(self, *, alone: bool) -> Iterator[str]:
        """Yield the lines for people; none before anything was listed."""
        if not self._schedule.windows:
            return
        of_key = "" if alone else f", key {self._name}"
        pace = self._pace()
        shown = [f"{TIERS[tier]} every {_span(pace[tier])}" for tier in TIERS if tier in pace]
        if shown:
            yield f"Pace        {', '.join(shown)}{of_key}"
        if self._schedule.coverage.last:
            yield f"Districts   {self._districts()}{of_key}"

    def _districts(self) -> str:
        last = max(self._schedule.coverage.last.values())
        covered = f"asked for days up to {last} with all schools" if last >= 0 else "asked alone"
        reach = self._state.reach
        refused = "" if reach.refused is None else f", refuses day {reach.refused}"
        heavy = "; a day is too heavy" if self._schedule.coverage.heavy else ""
        cost = self._state.costs.get("district-day")
        took = f"; one takes {cost.seconds:.1f} s, {cost.octets / 1e6:.2f} MB" if cost else ""
        return f"{covered}; Facilitron answers up to day {reach.days}{refused}{heavy}{took}"

    def _pace(self) -> dict[str, int]:
        """Return the longest interval of each tier in use, in whole seconds."""
        pace: dict[str, int] = {}
        for window in self._schedule.windows:
            tier, interval = self._schedule.tier(window).value, self._schedule.interval(window)
            pace[tier] = max(pace.get(tier, 0), round(interval))
        return pace


def disagreement_lines(counters: Mapping[str, int]) -> Iterator[str]:
    """Yield how often answers contradicted each other."""
    contradictions = {
        name.removeprefix(DISAGREEMENTS): count
        for name, count in counters.items()
        if name.startswith(DISAGREEMENTS) and count
    }
    if contradictions:
        shown = ", ".join(f"{count} × {name}" for name, count in sorted(contradictions.items()))
        yield f"Contradict  {shown}; what was known stayed"


def _span(seconds: int) -> str:
    unit, size = next(item for item in UNITS if seconds >= item[1] or item[1] == 1)
    return f"{seconds / size:.3g} {unit}"
