"""`icalbridge.cli.signals`: a signal ends a wait whenever it comes, and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from icalbridge.cli.signals import Stop
from tests.fixtures.commands import PATIENCE_SECONDS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = [signal.SIGINT, signal.SIGTERM]
HANDLED = (*NUMBERS, signal.SIGALRM)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """One that listens in this process, whose own handlers are back afterwards."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    made = Stop()
    made.listen()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def _receive() -> None:
    """Wait for a vendor that does not answer, as the HTTP client does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(PATIENCE_SECONDS)
        ours.recv(1)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_signal_just_before_the_system_waits_ends_the_wait(
    stop: Stop, number: signal.Signals
) -> None:
    """The system took it elsewhere, so that the wait of the main thread was not interrupted."""
    helper = threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), number))
    helper.start()
    with pytest.raises(KeyboardInterrupt), stop.waiting():
        _receive()
    helper.join()


def test_signal_just_before_the_system_sleeps_ends_the_sleep(stop: Stop) -> None:
    """It too is a wait."""
    helper = threading.Timer(
        0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    )
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        stop.sleep(PATIENCE_SECONDS)
    helper.join()


def test_signal_outside_a_wait_ends_the_next_one(stop: Stop) -> None:
    """What is in between, a transaction say, is not broken off."""
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stop.waiting():
        raise AssertionError("begun all the same")
    with pytest.raises(KeyboardInterrupt):
        stop.sleep(0)
    with pytest.raises(KeyboardInterrupt), stop.unless_stopped():
        raise AssertionError("begun all the same")


def test_timer_ends_with_the_wait(stop: Stop) -> None:
    """Nothing interrupts what is not a wait."""
    with stop.waiting():
        assert signal.getitimer(signal.ITIMER_REAL)[1] > 0
    stop.sleep(0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_thread_that_sleeps_ends_when_the_main_thread_asks(stop: Stop) -> None:
    """A thread receives no signals."""
    ended = []

    def sleep() -> None:
        try:
            stop.sleep(PATIENCE_SECONDS)
        except KeyboardInterrupt:
            ended.append("asked")

    thread = threading.Thread(target=sleep)
    thread.start()
    stop.request()
    thread.join()
    assert ended == ["asked"]


EVERY_LINE = """
import os, signal, sys, threading
from icalbridge.cli.signals import Stop

def tracer(frame, event, argument):
    global left
    if frame.f_code.co_filename.endswith(("stopping.py", "threading.py", "contextlib.py")):
        if event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGTERM)
        return tracer

number = heard = 0
while number - heard < 3:  # the last three come after the sleep's last line
    number += 1
    left = number
    stop = Stop()
    stop.listen()
    sys.settrace(tracer)
    try:
        stop.sleep(0.001)
        sys.settrace(None)
        with stop.waiting():
            pass
    except KeyboardInterrupt:
        heard += 1
    finally:
        sys.settrace(None)
print(number, heard)
"""


def test_signal_is_heard_at_every_line_of_a_sleep() -> None:
    """In the sleep, or in the wait after it; the handler takes no lock that the line may hold."""
    done = subprocess.run(
        [sys.executable, "-c", EVERY_LINE],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.stderr == ""
    number, heard = map(int, done.stdout.split())
    assert heard == number - 3 > 10
