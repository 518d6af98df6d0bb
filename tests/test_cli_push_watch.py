"""`icalbridge push --watch`: what it asks for, what it outlives, and how it ends."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge import settings as settings_package
from icalbridge.cli.push_review import PushInput, make_service
from icalbridge.cli.signals import Stop
from icalbridge.errors import BadCalendar, ConfigurationError, IcalbridgeError, StoreError
from icalbridge.push.fetch import CalendarSource
from icalbridge.push.service import RETRY_SECONDS, PushService
from icalbridge.sync.refresh_event import EventRefresher
from tests.fixtures.commands import either_signal, running, until
from tests.fixtures.push_shells import GAME, PRACTICE, YEAR, Shell, shell_in
from tests.fixtures.pushing import calendar, event
from tests.fixtures.scripted import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A vendor in which nothing is booked, and a database with its catalogue."""
    with shell_in(tmp_path) as made:
        yield made


def _service(shell: Shell, where: str) -> PushService:
    read = settings_package.from_environment(shell.settings)
    given = PushInput(
        source=CalendarSource(where, allow_private=True),
        facilities=(shell.facility,),
        activity_type=12,
        yes=True,
        as_json=True,
    )
    return make_service(read, given, shell.deployed.bridge.store, Stop())


def test_watching_asks_the_vendor_only_when_something_changed(shell: Shell) -> None:
    """A calendar that is the same, or says the same, costs no request; an edit does."""
    first, same = calendar(PRACTICE, GAME), calendar(GAME, PRACTICE)
    edited = calendar(PRACTICE, event("game", f"{YEAR}0116", name="Game"))
    replies = [Reply(200, first, {"ETag": "1"}), Reply(304), Reply(200, same), Reply(200, edited)]
    with scripted(*replies) as script:
        service = _service(shell, script.url)
        counts = []
        for _ in replies:
            assert service.run()
            counts.append(len(shell.deployed.bridge.state.requests))
    assert counts[0] == counts[1] == counts[2] < counts[3]
    assert any(
        item["timeslots"][0]["start_datetime"] == f"{YEAR}-01-16T18:00:00"
        for item in shell.deployed.bridge.world.events.values()
    )


def test_watching_tries_again_what_was_refused_once_an_hour(shell: Shell) -> None:
    """Not each time: the quota is the sync's, too."""
    shell.push("--yes", "--name", "other")
    shell.write(event("theirs", f"{YEAR}0116"))
    service = _service(shell, str(shell.file))
    assert service.run()
    shell.write(event("theirs", f"{YEAR}0115"))
    assert not service.run()
    before = len(shell.deployed.bridge.state.requests)
    assert not service.run()
    assert len(shell.deployed.bridge.state.requests) == before
    service.checked_at -= RETRY_SECONDS + 1
    assert not service.run()
    assert len(shell.deployed.bridge.state.requests) > before


def test_watching_hears_of_what_can_be_again(shell: Shell) -> None:
    """What was impossible, and is gone from the calendar, changes what is wanted as much as an
    event does.
    """
    service = _service(shell, str(shell.file))
    late = event("game", f"{YEAR}0115", name="Game", end="180000")
    shell.write(PRACTICE, GAME)
    assert service.run()
    shell.write(PRACTICE, late)
    assert service.run()
    before = len(shell.deployed.bridge.state.requests)
    shell.write(PRACTICE)
    assert service.run()
    assert len(shell.deployed.bridge.state.requests) > before
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Cancelled", 1): 1})


def test_watching_outlives_a_bad_table(shell: Shell) -> None:
    """Once a round was good; somebody may be writing it just then."""
    table = shell.file.with_suffix(".toml")
    good = f'[places]\n"*" = "{shell.facility}"\n'
    table.write_text(good)
    service = _service(shell, str(shell.file))
    service.options = replace(service.options, facilities=(), map_file=str(table))
    states = iter(["[places", good, None])
    errors: list[IcalbridgeError] = []

    def sleep(seconds: float) -> None:
        if seconds < 900:  # between a write and the look at it
            return
        if (state := next(states)) is None:
            raise KeyboardInterrupt
        table.write_text(state)

    service.sleep = sleep
    with pytest.raises(KeyboardInterrupt):
        service.watch(900, errors.append)
    assert len(errors) == 1
    table.write_text("[places")
    with pytest.raises(ConfigurationError):
        service.watch(900, errors.append)


def test_push_goes_on_where_the_store_cannot_follow(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database that is locked after a creation leaves nothing booked twice: the old event is
    cancelled.
    """
    service = _service(shell, str(shell.file))
    shell.write(GAME)
    assert service.run()
    shell.write(event("game", f"{YEAR}0115", name="Match"))

    def follow(*_args: object, **_more: object) -> None:
        raise StoreError("The database is locked.")

    monkeypatch.setattr(EventRefresher, "refresh", follow)
    assert service.run()
    assert shell.made() == Counter({("Match", "Approved", 1): 1, ("Game", "Cancelled", 1): 1})
    assert "2 events are in the calendars here after the next sync only." in capsys.readouterr().err


def test_push_says_what_facilitron_does_not_show_yet(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """A creation, a move and a cancellation that are done, and of which the answer afterwards knows
    nothing.
    """
    service = _service(shell, str(shell.file))
    late = "icalbridge: 1 events are in the calendars here after the next sync only.\n"
    moved = event("game", f"{YEAR}0116", name="Game")
    for events, state in (
        ((GAME,), "Approved"),
        ((moved,), "Approved"),
        ((PRACTICE,), "Cancelled"),
    ):
        shell.write(*events)
        shell.deployed.bridge.fail("stale:endpoint=event")
        service.options = replace(service.options, cancel_many=True)
        assert service.run()
        expected = late if events != (PRACTICE,) else late.replace("1", "2")
        assert capsys.readouterr().err == expected
        shell.deployed.bridge.heal()
        assert shell.made()["Game", state, 1] == 1
    shell.write(PRACTICE, GAME)
    assert service.run()
    assert capsys.readouterr().err == ""


def test_bridges_own_address_is_not_read(shell: Shell) -> None:
    """It is known by itself, before anything is asked for there."""
    with scripted(Reply(200, calendar(PRACTICE))) as script:
        shell.settings["ICALBRIDGE_PUBLIC_URL"] = script.url.removesuffix("/v1")
        with pytest.raises(BadCalendar) as caught:
            _service(shell, f"{script.url}/ical/property/x.ics").run()
        assert script.asked == []
    assert (
        str(caught.value)
        == "This is a calendar of the bridge's own, or a copy of one: its bookings are at"
        " Facilitron already."
    )


def test_watching_goes_on_after_a_bad_answer(shell: Shell) -> None:
    """Nothing is cancelled for it."""
    with scripted(
        Reply(200, calendar(PRACTICE)), Reply(200, b"<html>"), Reply(200, calendar(PRACTICE, GAME))
    ) as script:
        service = _service(shell, script.url)
        assert service.run()
        with pytest.raises(BadCalendar):
            service.run()
        assert service.run()
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Approved", 1): 1})


@pytest.mark.parametrize("number", either_signal(signal.SIGTERM, signal.SIGINT))
def test_watching_ends_cleanly(shell: Shell, number: signal.Signals) -> None:
    """With exit code 0 and no word more."""
    given = ("--facility", shell.facility, "--activity-type", "12", "--yes", "--watch")
    with running("push", str(shell.file), *given, **shell.settings) as process:
        until(lambda: True if shell.writes() == 2 else None, "two writes")
        assert process.stdout
        while not process.stdout.readline().startswith("2 of 2 steps done."):
            assert process.poll() is None
        process.send_signal(number)
        assert (process.wait(30), process.stdout.read()) == (0, "")
