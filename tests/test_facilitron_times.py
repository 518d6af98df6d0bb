"""`icalbridge.facilitron.times`: every form of a local time that the vendor may send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge import timezones
from icalbridge.facilitron.times import parse_moment

LA = "America/Los_Angeles"
EPOCH = datetime.fromisoformat("1970-01-01T00:00")

TIMES = {
    "2026-07-01T10:30": "2026-07-01T17:30",
    "2026-07-01 10:30": "2026-07-01T17:30",
    "2026-07-01T10:30:59": "2026-07-01T17:30:59",
    "2026-07-01T10:30:59.9999999": "2026-07-01T17:30:59",
    "2026-07-01T10:30:59.9": "2026-07-01T17:30:59",
    "2026-07-01T10:30Z": "2026-07-01T10:30",
    "2026-07-01T10:30:00.000Z": "2026-07-01T10:30",
    "2026-07-01T10:30:00+02:00": "2026-07-01T08:30",
    "2026-07-01T10:30-0330": "2026-07-01T14:00",
    "2026-03-08T01:59": "2026-03-08T09:59",
    "2026-03-08T02:30": "2026-03-08T10:30",
    "2026-03-08T03:00": "2026-03-08T10:00",
    "2026-11-01T01:30": "2026-11-01T08:30",
    "2026-11-01T02:00": "2026-11-01T10:00",
    "2028-02-29T12:00": "2028-02-29T20:00",
    "2026-07-01T24:00": "2026-07-02T07:00",
    "2026-07-01T24:00:00": "2026-07-02T07:00",
    "2026-07-01 24:00:00.000": "2026-07-02T07:00",
    "2026-12-31T24:00:00": "2027-01-01T08:00",
    "2028-02-28T24:00": "2028-02-29T08:00",
    "2026-03-07T24:00": "2026-03-08T08:00",
    "2026-10-31T24:00": "2026-11-01T07:00",
    "2026-07-01T24:00:00Z": "2026-07-02",
    "2026-07-01T24:00+02": "2026-07-01T22:00",
    "2026-07-01T10:30+02": "2026-07-01T08:30",
    "2026-07-01T10:30:15-08": "2026-07-01T18:30:15",
    "2026-07-01T10:30:00+0545": "2026-07-01T04:45",
    "2026-07-01T10:30-00:00": "2026-07-01T10:30",
    "2026-07-01T10:30:59,9": "2026-07-01T17:30:59",
    "2026-07-01T10:30:00,000Z": "2026-07-01T10:30",
    "2026-07-01t10:30": "2026-07-01T17:30",
    "2026-07-01t10:30:00z": "2026-07-01T10:30",
    "2026-07-01 10:30:00 -0700": "2026-07-01T17:30",
    "2026-07-01 10:30 Z": "2026-07-01T10:30",
    " 2026-07-01T10:30": "2026-07-01T17:30",
    "2026-07-01T10:30 \t": "2026-07-01T17:30",
    "\u00a02026-07-01T10:30Z\n": "2026-07-01T10:30",
}


@pytest.mark.parametrize("told", TIMES)
def test_times_are_moments(told: str) -> None:
    """Local to the zone; a gap has the offset before it, of an overlap it is the first; an offset
    is honoured.
    """
    read = parse_moment(told, timezones.zone(LA))
    assert (read, read.tzinfo) == (datetime.fromisoformat(TIMES[told]).replace(tzinfo=UTC), UTC)


@pytest.mark.parametrize(
    "told",
    [
        "", " ", "2026-07-01", "10:30", "2026-07-01T25:00", "2026-07-01T10:60", "2026-02-29T10:00", "2026-13-01T10:00",
        "2026-07-01T24:01", "2026-07-01T24:00:01", "2026-07-01T24:00:00.5", "2026-02-29T24:00",
        "0000-01-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "9999-12-31T23:59Z", "9999-12-31T24:00",
        "20260701T1030", "2026-07-01T1030", "2026-07-01T10:30+25:00", "2026-07-01T10:30+2", "2026-07-01T10:30 PST",
        "2026-07-01  10:30", "2026-07-01 T10:30", "２０２６-07-01T10:30", "2026-W27-3T10:30", "1782901800",
    ],
)  # fmt: skip
def test_times_that_are_none_are_refused(told: str) -> None:
    """Out of range, without a time, or in another form: nothing is guessed."""
    with pytest.raises(ValueError, match=r"no date-time|out of range|must be|month|day|offset"):
        parse_moment(told, timezones.zone(LA))


@given(
    st.datetimes(EPOCH, EPOCH.replace(year=2100)),
    st.sampled_from([LA, "America/St_Johns", "Pacific/Apia"]),
)
def test_every_local_time_is_a_moment(local: datetime, name: str) -> None:
    """Whatever the clock does, the moment is the local time less the offset that zoneinfo gives its
    first reading.
    """
    local = local.replace(second=0, microsecond=0)
    offset = local.replace(tzinfo=timezones.zone(name), fold=0).utcoffset()
    assert offset is not None
    assert parse_moment(local.isoformat(timespec="minutes"), timezones.zone(name)) == (
        local - offset
    ).replace(tzinfo=UTC)
