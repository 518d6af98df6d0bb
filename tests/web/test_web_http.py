"""`icalbridge.web.responses`: conditions, compression and headers, on the texts that clients send."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from icalbridge.web.responses import (
    LARGE_BYTES,
    Answer,
    Document,
    answer,
    document,
    refusal,
    wants_gzip,
)

BODY = b"BEGIN:VCALENDAR\r\n" * 40
CHANGED = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
DATE = "Fri, 20 Nov 2026 10:30:00 GMT"


@pytest.fixture
def feed() -> Document:
    """A feed with both its forms."""
    return document(
        BODY, "text/calendar; charset=utf-8", cache_control="public, max-age=60", modified=CHANGED
    ).packed()


def ask(feed: Document, method: str = "GET", **headers: str) -> Answer:
    return answer(
        feed,
        {"REQUEST_METHOD": method, **{f"HTTP_{name}": value for name, value in headers.items()}},
    )


def tag_of(given: Answer) -> str:
    return dict(given.headers)["ETag"]


def test_document_says_everything_of_its_content(feed: Document) -> None:
    """A 200 names type, length, tag, date and how long it may be kept."""
    headers = dict(ask(feed).headers)
    wanted = (
        "Content-Type",
        "Content-Length",
        "Last-Modified",
        "Cache-Control",
        "Vary",
        "X-Content-Type-Options",
    )
    assert {name: headers[name] for name in wanted} == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Content-Length": "680",
        "Last-Modified": DATE,
        "Cache-Control": "public, max-age=60",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }


def test_document_forms_have_tags_of_their_own(feed: Document) -> None:
    """Two forms of the same bytes are two representations, so their strong tags differ (RFC 9110,
    section 8.8.3.3).
    """
    plain, packed = ask(feed), ask(feed, ACCEPT_ENCODING="gzip")
    assert tag_of(packed) == tag_of(plain)[:-1] + '-gzip"'
    assert gzip.decompress(packed.body) == plain.body == BODY
    assert (
        dict(packed.headers)["Content-Encoding"],
        "Content-Encoding" in dict(plain.headers),
    ) == ("gzip", False)


def test_document_bytes_are_the_same_at_any_time(feed: Document) -> None:
    """Neither tag nor compressed bytes depend on when or where they were made."""
    again = document(
        BODY, "text/calendar; charset=utf-8", cache_control="public, max-age=60", modified=CHANGED
    )
    assert again.packed() == feed
    assert feed.gzip is not None
    assert feed.gzip.body[4:8] == b"\0\0\0\0"


def test_document_size_counts_every_form(feed: Document) -> None:
    """The cache is told of the plain bytes and of the compressed ones, once there are any."""
    assert feed.gzip is not None
    plain = document(BODY, "text/calendar", cache_control="no-cache")
    assert (plain.size, feed.size) == (len(BODY), len(BODY) + len(feed.gzip.body))


def test_large_document_is_in_memory_once() -> None:
    """Once it is compressed, a large document takes the memory of that form; all answers are the
    same as before.
    """
    body = BODY * (LARGE_BYTES // len(BODY) + 1)
    plain = document(body, "text/calendar", cache_control="no-cache")
    packed = plain.packed()
    assert packed.gzip is not None
    assert packed.size == len(packed.gzip.body) < len(body) / 10
    assert packed.packed() == packed
    for method in ("GET", "HEAD"):
        assert ask(packed, method) == ask(plain, method)
    assert ask(packed).body == body
    assert gzip.decompress(ask(packed, ACCEPT_ENCODING="gzip").body) == body
    assert ask(packed, IF_NONE_MATCH=tag_of(ask(plain))).status == 304


def test_answer_without_its_gzip_form_is_plain() -> None:
    """A form that was never made is not sent: whoever wants it makes it first."""
    plain = document(BODY, "text/calendar", cache_control="no-cache")
    assert ask(plain, ACCEPT_ENCODING="gzip").body == BODY


def test_answer_to_head_has_the_headers_of_get(feed: Document) -> None:
    """HEAD differs from GET in having no body, in nothing else."""
    for encoding in ("", "gzip"):
        get, head = ask(feed, ACCEPT_ENCODING=encoding), ask(feed, "HEAD", ACCEPT_ENCODING=encoding)
        assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


@pytest.mark.parametrize(
    "sent",
    [
        "{plain}",
        "W/{plain}",
        "{packed}",
        "W/{packed}",
        '"other", {plain}',
        '"a,b",W/{packed}',
        "*",
        " * ",
        '"", {plain}',
    ],
)
def test_if_none_match_compares_weakly(feed: Document, sent: str) -> None:
    """Either form's tag, weak or strong, alone or in a list, or `*`, is a 304 (RFC 9110, section
    13.1.2).
    """
    tags = {"plain": feed.identity.tag, "packed": feed.gzip_tag}
    assert ask(feed, IF_NONE_MATCH=sent.format(**tags)).status == 304


@pytest.mark.parametrize("sent", ['"other"', "", "nonsense", "W/", '"', 'W/"other"', "{bare}"])
def test_if_none_match_without_our_tag_is_answered_in_full(feed: Document, sent: str) -> None:
    """A tag that is not ours, or no tag at all, gets the body; also one whose quotes were lost."""
    assert ask(feed, IF_NONE_MATCH=sent.format(bare=feed.identity.tag.strip('"'))).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_carries_what_caches_need(feed: Document, method: str) -> None:
    """ETag, Cache-Control and Vary as in a 200, nothing of the content (RFC 9110, section 15.4.5)."""
    given = ask(feed, method, IF_NONE_MATCH=feed.identity.tag)
    full = {
        name: value
        for name, value in ask(feed).headers
        if name not in {"Content-Type", "Content-Length"}
    }
    del full["Last-Modified"]
    assert (given.status, dict(given.headers), given.body) == (304, full, b"")


def test_not_modified_names_the_form_that_is_held(feed: Document) -> None:
    """A cache that holds one form is told that this one is still good, whatever it would get now."""
    assert (
        tag_of(ask(feed, IF_NONE_MATCH=feed.identity.tag, ACCEPT_ENCODING="gzip"))
        == feed.identity.tag
    )
    assert tag_of(ask(feed, IF_NONE_MATCH=feed.gzip_tag)) == feed.gzip_tag
    both = f"{feed.identity.tag}, {feed.gzip_tag}"
    assert tag_of(ask(feed, IF_NONE_MATCH=both, ACCEPT_ENCODING="gzip")) == feed.gzip_tag


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (DATE, 304),
        ("Friday, 20-Nov-26 10:30:00 GMT", 304),
        ("Fri Nov 20 10:30:00 2026", 304),
        ("Sat, 21 Nov 2026 00:00:00 GMT", 304),
        ("Fri, 20 Nov 2026 10:29:59 GMT", 200),
        ("yesterday", 200),
        ("", 200),
    ],
)
def test_if_modified_since_compares_dates(feed: Document, since: str, status: int) -> None:
    """All three forms of a date are read; one that cannot be read counts as not sent (RFC 9110,
    section 13.1.3).
    """
    assert ask(feed, IF_MODIFIED_SINCE=since).status == status


def test_if_modified_since_compares_whole_seconds(feed: Document) -> None:
    """A change within the second that Last-Modified names is not a later one."""
    later = document(
        BODY,
        "text/calendar",
        cache_control="no-cache",
        modified=CHANGED + timedelta(milliseconds=900),
    )
    assert ask(later, IF_MODIFIED_SINCE=DATE).status == 304


def test_if_none_match_wins_over_if_modified_since(feed: Document) -> None:
    """With both sent, the date is not looked at (RFC 9110, section 13.2.2)."""
    assert ask(feed, IF_NONE_MATCH='"other"', IF_MODIFIED_SINCE=DATE).status == 200
    long_ago = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert ask(feed, IF_NONE_MATCH=feed.identity.tag, IF_MODIFIED_SINCE=long_ago).status == 304


def test_if_modified_since_needs_a_date_of_ours() -> None:
    """What has no date is never taken for unchanged because of one."""
    assert (
        ask(document(BODY, "text/html", cache_control="no-cache"), IF_MODIFIED_SINCE=DATE).status
        == 200
    )


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("identity;q=0, gzip", True),
        ("br", False),
        ("gzip;q=much", False),
        ("gzip;q=2", False),
        ("deflate,,gzip;", True),
    ],
)
def test_wants_gzip_weighs_codings(header: str, packed: bool) -> None:
    """gzip goes to who takes it at least as gladly as plain bytes (RFC 9110, section 12.5.3)."""
    assert wants_gzip(header) is packed


def test_refusal_is_one_plain_sentence_that_nobody_keeps() -> None:
    """A refusal is text, says its length, is not stored, and carries the security headers and those
    asked for.
    """
    given = refusal(503, "Not yet.", [("Retry-After", "30")])
    headers = dict(given.headers)
    assert (given.status, given.body, headers["Content-Type"], headers["Content-Length"]) == (
        503,
        b"Not yet.\n",
        "text/plain; charset=utf-8",
        "9",
    )
    assert (
        headers["Cache-Control"],
        headers["Retry-After"],
        headers["X-Content-Type-Options"],
    ) == ("no-store", "30", "nosniff")
