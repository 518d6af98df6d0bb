"""`icalbridge.sync.schedule`: dates, intervals and failures."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import Window
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@given(DAYS)
def test_windows_cover_the_vendors_year_once(day: date) -> None:
    """Today and the 365 days after it are covered, each day once, and no window counts more than 31
    days.
    """
    windows = [sync_windows.window_days(number, day) for number in range(sync_windows.WINDOWS)]
    covered = [each.start + timedelta(days=step) for each in windows for step in range(each.days)]
    assert covered == [day + timedelta(days=step) for step in range(366)]
    assert max(each.days for each in windows) == 31


def test_windows_are_twelve() -> None:
    """A year is twelve requests a property, under both readings of "31 days"."""
    assert sync_windows.WINDOWS == 12


def test_today_is_the_propertys_own() -> None:
    """Midnight passes at different moments in different zones."""
    now = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    assert sync_windows.today(now, "America/Los_Angeles") == date(2026, 11, 21)
    assert sync_windows.today(now, "America/New_York") == date(2026, 11, 22)
    assert sync_windows.today(now, "") == date(2026, 11, 22)


def test_bounds_are_local_midnights_over_a_clock_change() -> None:
    """A day on which the clocks change is 23 or 25 hours long."""
    start, end = sync_windows.bounds(
        Window(date(2026, 3, 8), date(2026, 3, 8)), "America/Los_Angeles"
    )
    assert (start, end - start) == (datetime(2026, 3, 8, 8, tzinfo=UTC), timedelta(hours=23))
    start, end = sync_windows.bounds(
        Window(date(2026, 11, 1), date(2026, 11, 1)), "America/Los_Angeles"
    )
    assert (start, end - start) == (datetime(2026, 11, 1, 7, tzinfo=UTC), timedelta(hours=25))


def test_horizon_is_the_end_of_the_last_window() -> None:
    """The vendor says nothing of what starts after today + 365 days."""
    now = datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert sync_windows.horizon(now, "America/Los_Angeles") == datetime(2027, 11, 22, 8, tzinfo=UTC)


def test_failures_wait_ever_longer() -> None:
    """Soon at first, half an hour at most."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    waits = [
        (schedule.due_after_failure(now, failures) - now).total_seconds()
        for failures in (1, 2, 3, 7, 1000)
    ]
    assert waits == [30, 60, 120, 1800, 1800]


def test_quota_begins_anew_at_utc_midnight() -> None:
    """The vendor's day ends at midnight UTC, wherever the schools are."""
    assert schedule.next_utc_midnight(datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)) == datetime(
        2026, 11, 22, tzinfo=UTC
    )


def test_emptiness_is_believed_the_second_time() -> None:
    """Where plenty was, an empty answer needs a second, later one; where little was, it does not."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert schedule.believable(2, None, now)
    assert not schedule.believable(3, None, now)
    assert not schedule.believable(3, now - timedelta(seconds=119), now)
    assert schedule.believable(3, now - timedelta(seconds=120), now)
