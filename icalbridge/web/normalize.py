"""WSGI middleware that normalizes addresses, so that one feed or page is one address to everything
behind it.

Query: parameters that programs add by themselves are removed, `amp;x` is `x` (a link copied out of
HTML), and octets that were sent raw are percent-encoded. Path: a slash or full stop at its end is
removed, and the suffix that names a format is lower case. So no cache key, link or entity tag can
depend on what is removed here. Nobody is redirected.

Ids are opaque and may end in a slash or full stop. In the address of a feed the id is followed by a
suffix, so nothing is ambiguous; other addresses are answered as they are first, and only on 404
without what stands at their end.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

from icalbridge.feeds import FORMATS
from icalbridge.web.routes.feeds import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ADDED = frozenset(
    ("fbclid", "gclid", "msclkid", "mc_cid", "mc_eid", "_", "t", "ts", "nocache", "cachebuster")
)
"""Parameters that mail programs, social networks and cache busters add;
case is ignored.
"""
ADDED_PREFIX = "utm_"
SUFFIXES = tuple(f".{suffix}" for suffix in (*FORMATS, "svg"))
LONGEST_SUFFIX = max(map(len, SUFFIXES))
ENDINGS = "/."
CACHED_QUERIES = 1024

_AMP = re.compile(r"\A(?:amp(?:;|%3b))+", re.IGNORECASE)
_CLIMBS = re.compile(r"/\.\.(?:/|\Z)")
_ASCII = bytes(range(0x80)).decode("ascii")


@lru_cache(CACHED_QUERIES)
def normalize_query(query: str) -> str:
    """Return a query string, as WSGI carries it, without what programs add; the rest of it is left
    as it is.
    """
    if not query.isascii():
        query = quote(query.encode("latin-1", "replace"), safe=_ASCII)
    parts = [_AMP.sub("", part) for part in query.split("&")]
    return "&".join(part for part in parts if part and not _is_added(part))


def _is_added(part: str) -> bool:
    name = unquote_plus(part.partition("=")[0]).lower()
    return name in ADDED or name.startswith(ADDED_PREFIX)


def normalize_feed_path(path: str) -> str:
    """Return the path of a feed with its suffix in lower case and nothing behind it; others are
    left as they are.
    """
    stem, _, suffix = _bare(path).rpartition(".")
    return f"{stem}.{suffix.lower()}" if suffix.lower() in FORMATS else path


def _bare(path: str) -> str:
    """Return a path without slashes and full stops at its end; one that climbs with `..` is left as
    it is.
    """
    bare = path.rstrip(ENDINGS)
    return path if _CLIMBS.search(path, len(bare)) else bare


def candidates(path: str) -> list[str]:
    """Return the paths that a path can mean, itself first, then with ever less at its end; of the
    root only itself.
    """
    bare = _bare(path)
    if not bare:
        return ["/"]
    stem, dot, suffix = bare.rpartition(".")
    lowered = f"{stem}{dot}{suffix.lower()}"
    result = [path]
    if bare != path:
        result += [path[:-1], bare]
    if lowered.endswith(SUFFIXES):
        result.append(lowered)
    return list(dict.fromkeys(result))


class AddressNormalizer:
    """WSGI middleware in front of an application; cheap where there is nothing to normalize."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING")
        if query:
            environ["QUERY_STRING"] = normalize_query(query)
        path: str = environ.get("PATH_INFO", "")
        if path.endswith(SUFFIXES):
            return self._inner(environ, start_response)
        if path.startswith(PREFIX):
            environ["PATH_INFO"] = normalize_feed_path(path)
        elif path[-1:] in ENDINGS or path[-LONGEST_SUFFIX:].lower().endswith(SUFFIXES):
            return self._first_existing(environ, start_response, candidates(path))
        return self._inner(environ, start_response)

    def _first_existing(
        self, environ: WSGIEnvironment, start_response: StartResponse, paths: Sequence[str]
    ) -> Iterable[bytes]:
        """Return the answer for the first path that is not answered 404, or for the last one."""
        *earlier, last = paths
        for path in earlier:
            started: list[tuple[Any, ...]] = []
            body = self._inner({**environ, "PATH_INFO": path}, _recorder(started))
            if not started[0][0].startswith("404"):
                start_response(*started[0])
                return body
            if hasattr(body, "close"):
                body.close()
        return self._inner({**environ, "PATH_INFO": last}, start_response)


def _recorder(started: list[tuple[Any, ...]]) -> StartResponse:
    """Return a `start_response` that records what it is called with; Flask and we call it before we
    return.
    """

    def start_response(*args: Any) -> Any:
        started.append(args)

    return start_response
