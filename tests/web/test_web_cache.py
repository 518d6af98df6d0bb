"""`icalbridge.web.cache`: a bound in octets that holds whatever is put in."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread

from icalbridge.web.cache import OVERHEAD_BYTES, ByteCache


@dataclass(frozen=True)
class Blob:
    """A value that weighs what it is told to."""

    size: int


def test_cache_keeps_what_was_asked_for_last() -> None:
    """When the next value does not fit, the one that was not asked for the longest goes."""
    cache: ByteCache[str, Blob] = ByteCache(3 * (100 + OVERHEAD_BYTES))
    for name in "abc":
        cache.put(name, Blob(100))
    cache.get("a")
    cache.put("d", Blob(100))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]


def test_cache_weighs_a_value_anew() -> None:
    """A value that grew, as a feed does when its gzip form is made, counts with its new weight."""
    cache: ByteCache[str, Blob] = ByteCache(100_000)
    cache.put("a", Blob(10))
    cache.put("a", Blob(500))
    assert cache.bytes == 500 + OVERHEAD_BYTES


def test_cache_does_not_keep_what_is_larger_than_itself() -> None:
    """One monster neither stays nor drives the others out; what it replaces is no longer true and
    goes.
    """
    cache: ByteCache[str, Blob] = ByteCache(20_000)
    cache.put("a", Blob(10))
    cache.put("b", Blob(10))
    cache.put("b", Blob(1_000_000))
    assert (cache.get("a"), cache.get("b")) == (Blob(10), None)


def test_cache_is_bounded_under_many_values() -> None:
    """Ten thousand values, empty ones among them, from several threads: never more than the bound."""
    cache: ByteCache[tuple[int, int], Blob] = ByteCache(1_000_000)
    sizes: list[int] = []

    def fill(thread: int) -> None:
        for number in range(2_500):
            cache.put((thread, number), Blob(number % 7_000))
            sizes.append(cache.bytes)

    threads = [Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sizes) == 10_000
    assert 900_000 < max(sizes) <= 1_000_000
