"""Parser in a process of its own, with one limit of processor time and one of memory.

A rule of one line can ask for more instances than any memory holds, and a parser can be led astray;
here that ends a child, and costs the caller one sentence. `parse_in_process` starts the child; run
as a program, this module is the child: it reads limits, span and calendar from stdin, and writes
what `parse_calendar` returns to stdout.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import msgspec

from icalbridge.errors import BadCalendar
from icalbridge.push.ics_lines import NotACalendar
from icalbridge.push.ics_parser import parse_calendar
from icalbridge.push.instances import CalendarSpan, ParsedCalendar

CPU_SECONDS = 120
"""Five times what the largest calendar takes on a small machine."""
MEMORY_BYTES = 800_000_000
"""Address space, where the system limits it: three times what the largest calendar takes."""
MOST_RESULT = 20_000_000
"""Bytes of all instances, which the caller must hold: twice what the largest calendar has."""
UNUSABLE = 3
"""Exit code of the child where it explains on stderr why it cannot parse the calendar."""
OUT_OF_MEMORY = 4
TOO_MUCH = (
    "The calendar takes more time or memory to be worked out than any real one does; look for a"
    " rule that never ends."
)
LOOKS_BACK = timedelta(days=2)
"""What is over in the property's zone may not be in UTC, in which days and floating times are
compared here; and what is missing must be gone from the calendar, rather than over.
"""


def span_at(now: datetime, zone: str = "UTC", charset: str = "") -> CalendarSpan:
    """Return what a push looks at: everything from a little before now on.

    Rules are followed to the last half-year's end within the two years that are published. Were it
    a day more each day, each day would bring one more instance, and with it one more event at the
    vendor, since no timeslot can be added to one that is there.
    """
    until = now + timedelta(days=2 * 365)
    midnight = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    half = midnight.replace(month=7 if until.month >= 7 else 1)
    return CalendarSpan(now - LOOKS_BACK, half, zone, charset)


def parse_in_process(
    content: bytes,
    span: CalendarSpan,
    *,
    cpu_seconds: int = CPU_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
) -> ParsedCalendar:
    """Return the instances in a span. Raises `BadCalendar`, also where a limit is reached."""
    head = msgspec.json.encode((span, cpu_seconds, memory_bytes))
    child = subprocess.run(
        [sys.executable, "-m", "icalbridge.push.ics_process"],
        input=head + b"\n" + content,
        capture_output=True,
        # the zones that ship with the bridge, as everywhere in it
        env={**os.environ, "PYTHONTZPATH": ""},
        check=False,
    )
    if child.returncode:
        raise BadCalendar(_failure_text(child.returncode, child.stderr.decode(errors="replace")))
    return msgspec.json.decode(child.stdout, type=ParsedCalendar)


def _failure_text(code: int, stderr: str) -> str:
    """Return why there is no result; of an error only its kind, since it may quote the calendar."""
    if code == UNUSABLE:
        return f"The calendar {stderr}."
    kind = stderr.strip().rpartition("\n")[2].partition(":")[0]
    # outside of our own code, an interpreter without memory ends with 1, perhaps without a message
    if code in (OUT_OF_MEMORY, -signal.SIGXCPU) or (code == 1 and kind in ("", "MemoryError")):
        return TOO_MUCH
    named = f", {kind}" if kind.replace(".", "").isidentifier() else ""
    how = f"signal {-code}" if code < 0 else f"exit code {code}{named}"
    return (
        f"The calendar could not be worked out: the bridge's own program for it broke off ({how})."
    )


def main() -> None:
    """Run as the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    head, _, content = sys.stdin.buffer.read().partition(b"\n")
    span, seconds, octets = msgspec.json.decode(head, type=tuple[CalendarSpan, int, int])
    # at the second limit the signal is SIGKILL
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (octets, octets))
    try:
        parsed = msgspec.json.encode(parse_calendar(content, span))
        if len(parsed) > MOST_RESULT:
            most = MOST_RESULT // 1_000_000
            raise NotACalendar(f"has more than {most} MB of instances in the two years ahead")
    except NotACalendar as error:
        sys.stderr.write(str(error))
        sys.exit(UNUSABLE)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # any other way out may need memory, too
    sys.stdout.buffer.write(parsed)


if __name__ == "__main__":
    main()
