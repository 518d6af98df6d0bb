"""Calendars to push, as ical.js (Thunderbird) and node-ical read them and as we do: the same, or the
difference is listed with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from icalbridge.push.ics_parser import parse_calendar, span_at
from tests.fixtures.parts import node, require_js
from tests.fixtures.pushing import ZONE, utc
from tests.machine import HERE
from tests.test_push_cases import EXPECTED, FOLDER
from tests.test_push_round_trip import CASES

CLOCK = ZoneInfo(ZONE)
SPAN = ("2026-11-01", "2028-06-30")
CALENDARS = {name: case.content for name, case in CASES.items()} | {
    name: (FOLDER / f"{name}.ics").read_bytes() for name in EXPECTED
}
ENDS_FIRST = "reads an end before the start, as if it were none"
CANCELS = "does not look at METHOD"
EXRULE = "does not know EXRULE"
MASTER = "books an override of a series that is cancelled"
ONE_A_UID = "has one event a UID, the last"
DAY_ID = "does not find the instance of a RECURRENCE-ID that is a day"
MIXED = "takes a day and a time as the start and end of one event"
DIFFERENCES = {
    ("exception in UTC", "ical.js"): "needs a VTIMEZONE to compare an EXDATE in UTC",
    ("in another zone", "ical.js"): "reads a TZID without a VTIMEZONE as no zone",
    ("in the hour that is skipped", "ical.js"): "shows the clock as it is written",
    ("extra instance", "node-ical"): "does not know RDATE",
    ("this and all that follow", "node-ical"): "does not know RANGE=THISANDFUTURE",
    ("in a zone that the file describes", "node-ical"): "does not read the VTIMEZONE",
    ("r16-master-cancelled-override-confirmed", "ical.js"): MASTER,
    ("r16-master-cancelled-override-confirmed", "node-ical"): MASTER,
    ("t04-same-uid-four-showings", "node-ical"): ONE_A_UID,
    ("s40-uid-per-calendar-constant-games", "node-ical"): ONE_A_UID,
    ("m01-method-cancel", "ical.js"): CANCELS,
    ("m01-method-cancel", "node-ical"): CANCELS,
    ("t06-google-until-date", "ical.js"): "ends UNTIL=DATE at the beginning of the day",
    ("s42-recurrence-id-date-for-timed", "ical.js"): DAY_ID,
    ("s42-recurrence-id-date-for-timed", "node-ical"): DAY_ID,
    ("r22-exrule", "ical.js"): EXRULE,
    ("r22-exrule", "node-ical"): EXRULE,
    ("s27-ends-after-midnight-same-date", "ical.js"): ENDS_FIRST,
    ("s27-ends-after-midnight-same-date", "node-ical"): ENDS_FIRST,
    ("a06-start-date-end-datetime", "ical.js"): MIXED,
    ("a06-start-date-end-datetime", "node-ical"): MIXED,
    ("s38-html-comment-after", "ical.js"): "does not take anything after the calendar",
}
"""Where another reader reads something else, and why we do not."""


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.astimezone(CLOCK) if moment.tzinfo else moment:%Y-%m-%dT%H:%M}"


def _ours(content: bytes) -> list[str]:
    parsed = parse_calendar(content, span_at(utc(2026, 11, 21, 20), ZONE))
    return sorted(_local(instance.start.isoformat()) for instance in parsed.instances)


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str | list[str]]]:
    """What each reader reads in each calendar, on a machine in the school's zone."""
    require_js("ical.js")
    require_js("node-ical")
    folder = tmp_path_factory.mktemp("calendars")
    files = {str(folder / f"{number}.ics"): name for number, name in enumerate(CALENDARS)}
    for file, name in files.items():
        Path(file).write_bytes(CALENDARS[name])
    command = [node(), str(HERE / "js" / "expand.mjs"), *SPAN, *files]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "TZ": ZONE}, check=True)
    return {files[file]: starts for file, starts in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", CALENDARS)
def test_others_read_the_same_or_it_is_listed(
    readings: dict[str, dict[str, str | list[str]]], name: str
) -> None:
    """The local start of each instance."""
    ours = _ours(CALENDARS[name])
    differing = {
        (name, reader)
        for reader, starts in readings[name].items()
        if isinstance(starts, str) or sorted(map(_local, starts)) != ours
    }
    assert len(readings[name]) == 2
    assert differing == {key for key in DIFFERENCES if key[0] == name}
