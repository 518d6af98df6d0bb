"""Faults on demand: the grammar of `--fault SPEC` and the requests that a fault applies to.

`broken.py` has their responses. Faults do not apply to a request without a valid key, or over the
limits. `--help` shows `GRAMMAR`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GRAMMAR = """\
The SPEC of a fault is

    KIND[:option=value,option=value…]

KIND is one of

    400 401 403 404 429 500 502 503 504     that status, with the body the vendor documents for it
    hang          no answer for `seconds` (default 60), then the connection breaks (RST)
    slow          the right answer after `seconds` (default 5)
    latency       the right answer after up to `seconds` (default 0.2)
    cold-start    the first request answers after `seconds` (default 3), as after an idle hour
    reset         the connection breaks (RST) before any answer
    truncated     the head and half of the body of the right answer, then the connection closes
    html          200 with a page for people, as a proxy in the way sends it
    garbage       200 with bytes that are no JSON
    empty         200 with an empty list
    null          200 with null in place of the list
    short         200 with only the first item of the list
    error-coded   200 with an empty list and the message_code of an error
    lost          what was asked is done, then the connection breaks (RST) with no answer
    done-503      what was asked is done, and 503 is answered all the same
    trimmed       events with what of them is on the days that were requested, and no more
    stale         the answer shows events as they were when the fault began, before any later write

and the options narrow it:

    endpoint=NAME   properties, property, facilities, property-events, facility-events, event,
                    create-event, cancel-event or change-timeslot
    property=ID     only requests about this property, its facilities or its events
    first=N         only the first N requests that match
    after=N         only when N that match have passed
    days=N          only windows of N days and more, as if they were too heavy
    children=1      only requests with include_child_events
    p=0.2           only that share of what matches, the same requests in every run
    seconds=S       how long, for the kinds that wait

so `503:endpoint=property-events,p=0.2` fails a fifth of the windows, and `429:first=3` the first
three requests. Several faults strike together: all delays add up, and the first one that answers
in the endpoint's place has the word.
"""

STATUSES = ("400", "401", "403", "404", "429", "500", "502", "503", "504")
SECONDS = {"hang": 60.0, "slow": 5.0, "latency": 0.2, "cold-start": 3.0}
KINDS = (
    *STATUSES,
    *SECONDS,
    "reset",
    "truncated",
    "html",
    "garbage",
    "empty",
    "null",
    "short",
    "error-coded",
    "lost",
    "done-503",
    "trimmed",
    "stale",
)
MANY = 10**9
ENDPOINTS = (
    *("properties", "property", "facilities", "property-events", "facility-events", "event"),
    *("create-event", "cancel-event", "change-timeslot"),
)


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. `seconds` as in the grammar; `matched` counts the requests that
    its options fit.
    """

    kind: str
    endpoint: str = ""
    property_id: str = ""
    days: int = 0
    children: bool = False
    share: float = 1.0
    first: int | None = None
    after: int = 0
    seconds: float = 0.0
    matched: int = 0
    _random: Random = field(default_factory=lambda: Random(1), repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def strikes(
        self, endpoint: str, property_id: str, days: int = 0, *, children: bool = False
    ) -> bool:
        """Say whether it befalls this request, for a window of so many days (0 for none)."""
        if self.endpoint not in {"", endpoint} or self.property_id not in {"", property_id}:
            return False
        if days < self.days or (self.children and not children):
            return False
        with self._lock:
            self.matched += 1
            number = self.matched - self.after
            last = 1 if self.kind == "cold-start" and self.first is None else self.first
            if number < 1 or (last is not None and number > last):
                return False
            return self._random.random() < self.share

    def delay(self) -> float:
        """Return the seconds that a struck request waits; latency varies, the same in every run."""
        if self.kind != "latency":
            return self.seconds
        with self._lock:
            return self.seconds * self._random.random()


def parse_fault(spec: str) -> Fault:
    """Read `KIND[:option=value,…]`; raises `ValueError` with one sentence that says what is
    wrong.
    """
    kind, _, rest = spec.strip().partition(":")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of fault; use one of {', '.join(KINDS)}")
    fault = Fault(kind, seconds=SECONDS.get(kind, 0.0))
    for option in filter(None, (part.strip() for part in rest.split(","))):
        name, _, value = option.partition("=")
        try:
            _set(fault, name, value)
        except (KeyError, ValueError):
            raise ValueError(
                f"{option!r} cannot be used in {spec!r}; see `icalbridge sandbox --help`"
            ) from None
    return fault


def _set(fault: Fault, name: str, value: str) -> None:
    field_name, read = _OPTIONS[name]
    setattr(fault, field_name, read(value))


def _within(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = kind(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return read


def _among(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(value)
        return value

    return read


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "endpoint": ("endpoint", _among(*ENDPOINTS)),
    "property": ("property_id", _not_empty),
    "days": ("days", _within(int, 1, MANY)),
    "children": ("children", lambda value: bool(_among("1")(value))),
    "p": ("share", _within(float, 0, 1)),
    "first": ("first", _within(int, 0, MANY)),
    "after": ("after", _within(int, 0, MANY)),
    "seconds": ("seconds", _within(float, 0, 3599.9)),
}
