"""A calendar from anywhere, read in a process of its own: so much time and memory, and no more,
whatever is in it.

A rule of one line can ask for more instances than any memory holds, and a parser can be led astray;
here that ends a child, and costs the caller one sentence. The parent's `read_calendar` starts it;
run as a program, this module is the child: it takes the span and the calendar on stdin, and writes
what `expand` made of it on stdout.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from icalbridge.errors import BadCalendar
from icalbridge.push.expand import Expansion, NotACalendar, expand

SECONDS = 120
"""Of the processor: five times what the largest calendar takes on a small machine."""
WALL_SECONDS = 600.0
OCTETS = 800_000_000
"""Of address space, where the system limits it: three times what the largest calendar takes."""
MOST_TOLD = 40_000_000
"""Octets of what the child tells, which the parent has to hold: twice what the most instances with
real texts are.
"""
CANNOT = 3
"""The child's exit code when it said on stderr why."""
TOO_LARGE = 4
"""The same when its memory was used up."""


LOOKS_BACK = timedelta(days=2)
"""What is over by the property's clock may not be by UTC's, as which days and floating times are
compared here; and what is not to be found must be gone from the calendar, rather than over.
"""


class Span(NamedTuple):
    """What of a calendar is asked for: moments in UTC."""

    since: datetime
    until: datetime
    rules_until: datetime
    """Of what recurs, only so far: a little less, since this moves in half-years."""


def span_at(now: datetime) -> Span:
    """Return what a push looks at: from a little before now on, for the two years that the vendor
    takes bookings ahead.

    Rules are followed to the last half-year's end within them. Were it a day more each day, each
    day would bring one more instance, and with it one more event at the vendor, since no timeslot
    can be added to one that is there.
    """
    until = now + timedelta(days=2 * 365)
    ends = [
        now.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        for year in (until.year - 1, until.year)
        for month in (1, 7)
    ]
    return Span(now - LOOKS_BACK, until, max(each for each in ends if each <= until))


def read_calendar(
    told: bytes, span: Span, *, seconds: int = SECONDS, octets: int = OCTETS
) -> Expansion:
    """Return what a calendar says of a span, for so much of the processor and of memory.

    Raises `BadCalendar`, with a sentence, for what is no calendar or asks for more.
    """
    asked = msgspec.json.encode((span, seconds, octets)) + b"\n" + told
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "icalbridge.push.reader"],
            input=asked,
            capture_output=True,
            env={
                **os.environ,
                "PYTHONTZPATH": "",
            },  # the zones that ship with the bridge, as everywhere in it
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadCalendar(TOO_MUCH) from None
    if ended.returncode == CANNOT:
        raise BadCalendar(f"The calendar {ended.stderr.decode(errors='replace')}.")
    if ended.returncode in (TOO_LARGE, -signal.SIGXCPU) or _wanted_memory(
        ended.returncode, ended.stderr
    ):
        raise BadCalendar(TOO_MUCH)
    if ended.returncode:
        raise BadCalendar(_broken(ended.returncode, ended.stderr))
    return msgspec.json.decode(ended.stdout, type=Expansion)


TOO_MUCH = (
    "The calendar takes more time or memory to be worked out than any real one does; look for a"
    " rule that never ends."
)


def _wanted_memory(code: int, said: bytes) -> bool:
    """Say whether an interpreter ended for want of memory outside of our own code, perhaps even of
    any to say so.
    """
    return code == 1 and said.strip().rpartition(b"\n")[2] in (b"", b"MemoryError")


def _broken(code: int, said: bytes) -> str:
    """Say that the child broke, and of what kind its error was; its text may hold anything of the
    calendar.
    """
    last = said.decode(errors="replace").strip().rpartition("\n")[2].partition(":")[0]
    kind = f", {last}" if last.replace(".", "").isidentifier() else ""
    how = f"signal {-code}" if code < 0 else f"exit code {code}{kind}"
    return (
        f"The calendar could not be worked out: the bridge's own program for it broke off ({how})."
    )


def main() -> None:
    """Be the child."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the parent's to hear, which then ends this
    head, _, told = sys.stdin.buffer.read().partition(b"\n")
    span, seconds, octets = msgspec.json.decode(head, type=tuple[Span, int, int])
    resource.setrlimit(
        resource.RLIMIT_CPU, (seconds, seconds + 1)
    )  # at the second one it is SIGKILL
    resource.setrlimit(resource.RLIMIT_AS, (octets, octets))
    try:
        found = msgspec.json.encode(expand(told, *span))
    except NotACalendar as error:
        sys.stderr.write(str(error))
        sys.exit(CANNOT)
    except MemoryError:
        os._exit(TOO_LARGE)  # any other way out may want memory, too
    if len(found) > MOST_TOLD:
        sys.stderr.write(
            f"has more than {MOST_TOLD // 1_000_000} MB of names and places in the two years ahead"
        )
        sys.exit(CANNOT)
    sys.stdout.buffer.write(found)


if __name__ == "__main__":
    main()
