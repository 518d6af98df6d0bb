"""`icalbridge.facilitron.client`: what is asked again and when, and what an error says; over HTTP,
to order.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import (
    AccessRefused,
    AnswerTooLarge,
    KeyRefused,
    MalformedAnswer,
    NotFound,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import Property, Window
from tests.fixtures.scripted import (
    KEY,
    NOW,
    PROPERTIES,
    UNAVAILABLE,
    ZONES,
    Reply,
    client_of,
    scripted,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.facilitron import EventsResponse

WINDOW = Window(date(2026, 11, 21), date(2026, 12, 21))


def _events(client: Client) -> EventsResponse:
    return client.property_events("p1", WINDOW, zones=ZONES)


ERRORS = {
    400: RequestRefused,
    401: KeyRefused,
    403: AccessRefused,
    404: NotFound,
    409: RequestRefused,
    418: RequestRefused,
    204: MalformedAnswer,
    302: RequestRefused,
    408: VendorUnavailable,
    425: VendorUnavailable,
    429: RateLimited,
    500: VendorUnavailable,
    413: AnswerTooLarge,
    502: VendorTimeout,
    503: VendorTimeout,
    504: VendorTimeout,
}


@pytest.mark.parametrize(("status", "kind"), ERRORS.items())
def test_statuses_are_errors_of_their_own(status: int, kind: type[VendorError]) -> None:
    """Retry, do not retry, and unreadable are told apart; only what may pass is asked again, three
    times in all.
    """
    with scripted(Reply(status)) as script, pytest.raises(VendorError) as caught:
        client_of(script).properties()
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert len(script.asked) == (3 if status in {408, 425, 429, 500, 502, 503, 504} else 1)


def test_redirect_is_not_followed() -> None:
    """It would carry the key to wherever it points."""
    with (
        scripted(PROPERTIES) as other,
        scripted(Reply(302, headers={"Location": other.url})) as script,
        pytest.raises(RequestRefused, match="elsewhere"),
    ):
        client_of(script).properties()
    assert other.asked == []


SAID = {
    "vendor": (UNAVAILABLE, ("Service unavailable", "SY004", "i-5")),
    "problem": (
        told({"type": "about:blank", "title": "Unauthorized", "detail": "No such key"}, 401),
        ("No such key", "", ""),
    ),
    "title": (told({"title": "Unauthorized"}, 401), ("Unauthorized", "", "")),
    "bare": (told({"message": "Too Many Requests"}, 429), ("Too Many Requests", "", "")),
    "html": (Reply(502, b"<html><h1>Bad gateway</h1>"), ("the vendor is not available", "", "")),
    "nothing": (Reply(404), ("the vendor knows nothing of that id", "", "")),
    "odd": (
        told({"message": {"a": 1}, "message_code": 7, "invocation_id": None}, 403),
        ("the key may not see this", "", ""),
    ),
    "list": (told(["message"], 400), ("the vendor refuses the request", "", "")),
    "controls": (told({"message": "a\r\n\x1b[31mb\x00 c"}, 400), ("a [31mb c", "", "")),
    "long": (told({"message": "x" * 9000}, 400), ("x" * 299 + "…", "", "")),
    "key": (
        told({"message": f"no such key {KEY}", "invocation_id": KEY}, 401),
        ("no such key …", "", "…"),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_error_carries_the_vendors_words(case: str) -> None:
    """Message, code and invocation_id in every documented shape; never a page, a control character
    or the key.
    """
    reply, expected = SAID[case]
    with scripted(reply) as script, pytest.raises(VendorError) as caught:
        client_of(script).properties()
    error = caught.value
    assert (error.message, error.message_code, error.invocation_id) == expected
    assert error.request == "GET /properties"


BROKEN: dict[str, tuple[Reply, type[VendorError], str]] = {
    "reset": (Reply(reset=True), VendorUnavailable, "no connection, or it broke"),
    "silent": (Reply(silent=True), VendorTimeout, "no answer in time"),
    "cut off": (Reply(200, PROPERTIES.body, cut=20), MalformedAnswer, "the answer was cut off"),
    "error cut off": (
        Reply(503, UNAVAILABLE.body, cut=20),
        VendorUnavailable,
        "no connection, or it broke",
    ),
    "not gzip": (
        Reply(200, b"{}", {"Content-Encoding": "gzip"}),
        MalformedAnswer,
        "the answer was cut off",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_connections_are_tried_again(case: str) -> None:
    """Resets, time-outs and answers cut off may pass; after the third attempt an error says so."""
    reply, kind, message = BROKEN[case]
    with scripted(reply) as script, pytest.raises(VendorError) as caught:
        client_of(script, timeout=0.2).properties()
    assert (type(caught.value), caught.value.message, len(script.asked)) == (kind, message, 3)


def test_third_attempt_may_succeed() -> None:
    """What fails twice in different ways is answered all the same; the pauses grow."""
    naps: list[float] = []
    with scripted(UNAVAILABLE, Reply(reset=True), PROPERTIES) as script:
        assert client_of(script, naps).properties().items == (Property("p1", "School"),)
    assert naps == [2.0, 4.0]


def test_pauses_have_full_jitter() -> None:
    """Each pause is anywhere between nothing and the longest."""
    naps: list[float] = []
    with scripted(UNAVAILABLE) as script:
        for seed in range(20):
            with pytest.raises(VendorUnavailable):
                client_of(script, naps, rng=Random(seed)).properties()
    firsts, seconds = naps[::2], naps[1::2]
    assert (min(firsts) < 0.5, 1.5 < max(firsts) <= 2) == (True, True)
    assert (min(seconds) < 1, 3 < max(seconds) <= 4) == (True, True)


@pytest.mark.parametrize("told_after", ["7", "Sat, 21 Nov 2026 20:00:07 GMT"])
def test_retry_after_is_honoured(told_after: str) -> None:
    """In seconds or as a date (RFC 9110, section 10.2.3)."""
    naps: list[float] = []
    with scripted(told({}, 429, Retry_After=told_after), PROPERTIES) as script:
        client_of(script, naps).properties()
    assert naps == [7.0]


@pytest.mark.parametrize("told_after", ["soon", "-3", "²", "Sat, 99 Nov 2026 20:00:07 GMT"])
def test_retry_after_that_says_nothing_is_ignored(told_after: str) -> None:
    """What cannot be read is as good as none."""
    naps: list[float] = []
    with scripted(
        Reply(503, headers={"Retry-After": told_after.encode().decode("latin-1")}), PROPERTIES
    ) as script:
        client_of(script, naps).properties()
    assert naps == [2.0]


def test_retry_after_holds_for_the_calls_after_it() -> None:
    """The next call waits for what is left of it; during a long one it fails, and nothing is sent."""
    naps: list[float] = []
    with scripted(told({}, 503, Retry_After="50"), PROPERTIES) as script:
        client = client_of(script, naps, deadline=20.0)
        with pytest.raises(VendorUnavailable):
            client.properties()
        client.properties()
        assert (naps, len(script.asked)) == ([50.0], 2)
    naps.clear()
    with scripted(told({}, 429, Retry_After="99999999"), PROPERTIES) as script:
        client = client_of(script, naps)
        for message in ("429", "3600 s"):
            with pytest.raises(RateLimited, match=message):
                client.properties()
        naps.append(3600)
        client.properties()
        assert len(script.asked) == 2


def test_deadline_leaves_no_room_for_a_late_attempt() -> None:
    """When the vendor asks for more patience than there is, the error comes at once."""
    naps: list[float] = []
    with (
        scripted(told({}, 429, Retry_After="3600"), PROPERTIES) as script,
        pytest.raises(RateLimited),
    ):
        client_of(script, naps).properties()
    assert (naps, len(script.asked)) == ([], 1)


def test_deadline_counts_pauses() -> None:
    """Pauses and attempts share it; the waiting for the ledger does not count."""
    naps: list[float] = []
    with scripted(UNAVAILABLE) as script, pytest.raises(VendorUnavailable):
        client_of(script, naps, deadline=3.0).properties()
    assert (naps, len(script.asked)) == ([2.0], 2)


def test_dripping_answer_ends_at_the_deadline() -> None:
    """An octet now and then keeps a connection alive, and nobody waiting."""
    endless = Reply(200, headers={"Content-Length": "1000000"}, dripping=True)
    with scripted(endless) as script, pytest.raises(VendorUnavailable, match="no answer in time"):
        client_of(script, deadline=0.3).properties()
    assert len(script.asked) == 1


def test_every_attempt_is_booked_before_it_is_sent() -> None:
    """Three attempts are three bookings; the wait that the ledger asks for is slept, whatever the
    deadline.
    """
    naps: list[float] = []
    taken: list[int] = []
    waits = iter([0.0, 500.0, 0.0, 0.0])

    class Waiting:
        def take(self, now: datetime) -> float:
            assert now == NOW + timedelta(seconds=sum(naps))
            taken.append(len(script.asked))
            return next(waits)

        def pause(self, _now: datetime, _seconds: float) -> None:
            raise AssertionError

    with scripted(UNAVAILABLE) as script, pytest.raises(VendorUnavailable):
        client_of(script, naps, ledger=Waiting()).properties()
    assert (taken, naps) == ([0, 1, 1, 2], [2.0, 500.0, 4.0])


def test_spent_quota_sends_nothing() -> None:
    """The day's last request was the last."""
    with scripted(PROPERTIES) as script:
        client = client_of(script, ledger=MemoryLedger(1000, 1))
        client.properties()
        with pytest.raises(QuotaSpent, match="begins anew at midnight UTC"):
            client.properties()
    assert len(script.asked) == 1


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "127.0.0.1/v1", "http://[/v1", "http:///v1"])
def test_address_that_is_none_is_not_tried_again(url: str) -> None:
    """No attempt could do better."""
    naps: list[float] = []
    client = Client(url, KEY, ledger=MemoryLedger(10, 10), sleep=naps.append)
    with pytest.raises(RequestRefused, match="check FACILITRON_API_URL"):
        client.properties()
    assert naps == []


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"events": null}', b'{"events": {}}', b'{"events": [', b"[]"]
)
def test_answer_that_says_nothing_is_malformed(body: bytes) -> None:
    """No JSON, no list, null for it: not asked again, and nothing is believed."""
    with scripted(Reply(200, body)) as script, pytest.raises(MalformedAnswer) as caught:
        _events(client_of(script))
    assert (caught.value.status, len(script.asked)) == (200, 1)


READS: dict[str, tuple[Callable[[Client], object], dict[str, object]]] = {
    "properties": (lambda client: client.properties(), {"properties": [{"_id": "p1"}]}),
    "property": (lambda client: client.property("p1"), {"property": {"_id": "p1"}}),
    "facilities": (lambda client: client.facilities("p1"), {"facilities": [{"_id": "f1"}]}),
    "property-events": (lambda client: _events(client), {"events": []}),
    "facility-events": (
        lambda client: client.facility_events("f1", "p1", WINDOW, zones=ZONES),
        {"events": []},
    ),
    "event": (
        lambda client: client.event("reservation", "e1", zones={"": "UTC"}),
        {"event": {"_id": "e1", "timeslots": []}},
    ),
}


@pytest.mark.parametrize(
    "code", ["SY002", "sy002", "EV001", "AC001", "AU001", "A", "A00x", "A007 SY002", "OK", 7, True]
)
@pytest.mark.parametrize("read", READS)
def test_answer_with_an_error_code_is_malformed(read: str, code: object) -> None:
    """A 200 whose `message_code` is no success says nothing, whatever stands beside it."""
    send, body = READS[read]
    answer = told({**body, "message": "of somebody", "message_code": code, "invocation_id": "i-3"})
    with scripted(answer) as script, pytest.raises(MalformedAnswer) as caught:
        send(client_of(script))
    error = caught.value
    shown = code if code in {"SY002", "sy002", "EV001", "AC001", "AU001"} else ""
    assert (error.status, error.message_code, error.invocation_id, len(script.asked)) == (
        200,
        shown,
        "i-3",
        1,
    )
    assert "somebody" not in str(error)


@pytest.mark.parametrize(
    "code", [{}, {"message_code": None}, {"message_code": ""}, {"message_code": " A007 "}]
)
@pytest.mark.parametrize("read", READS)
def test_answer_without_an_error_code_is_read(read: str, code: dict[str, object]) -> None:
    """A missing code, null, a blank one, and any success."""
    send, body = READS[read]
    with scripted(told({**body, **code})) as script:
        send(client_of(script))


def test_error_code_is_named_although_the_list_is_missing() -> None:
    """What the vendor's support asks for, and no null in place of a list."""
    for events in ({}, {"events": None}):
        with (
            scripted(told({"message_code": "SY002", **events})) as script,
            pytest.raises(MalformedAnswer) as caught,
        ):
            _events(client_of(script))
        assert (caught.value.null_list, caught.value.message_code) == (False, "SY002")


def test_malformed_answer_has_its_invocation_id() -> None:
    """What the vendor's support asks for."""
    with (
        scripted(told({"events": None, "invocation_id": "i-3"})) as script,
        pytest.raises(MalformedAnswer) as caught,
    ):
        _events(client_of(script))
    assert (caught.value.null_list, caught.value.invocation_id) == (True, "i-3")
