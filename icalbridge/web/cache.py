"""LRU cache bounded by bytes. Values know their own size; callers decide whether they are fresh."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Hashable

OVERHEAD_BYTES = 8192
"""Size of an entry beside its bodies: headers, key, bookkeeping."""


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
        """Store a value in place of the one before, unless it is larger than the whole cache."""
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
