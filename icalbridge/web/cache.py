"""What was rendered, kept in memory up to a number of octets; what was not asked for the longest
goes first.

Knows nothing of feeds: what a value weighs it says itself, and when a value is no longer good is
for `feeds` to decide.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Hashable

OVERHEAD_BYTES = 8192
"""What a kept value costs beside its bodies: headers, key, bookkeeping; so that empty feeds count
too.
"""


class Sized(Protocol):
    """Something that knows how many octets its bodies have."""

    @property
    def size(self) -> int: ...


Key = TypeVar("Key", bound="Hashable")
Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Key, Value]):
    """A least-recently-used cache bounded in octets, safe between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._cache: LRUCache[Key, Value] = LRUCache(max_bytes, getsizeof=_weight)
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        with self._lock:
            return int(self._cache.currsize)

    def get(self, key: Key) -> Value | None:
        with self._lock:
            return self._cache.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value in place of the one before, weighed anew; one larger than the whole cache is
        not kept.
        """
        with self._lock:
            self._cache.pop(key, None)
            if _weight(value) <= self._cache.maxsize:
                self._cache[key] = value

    def drop(self, key: Key) -> None:
        """Keep a value no longer, if it was."""
        with self._lock:
            self._cache.pop(key, None)


def _weight(value: Sized) -> int:
    return value.size + OVERHEAD_BYTES
